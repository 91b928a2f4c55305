package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import io.github.p3o.loss.Cases.Case;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What an objective adds to a graph, and what it is given. */
class GraphSizeTest {

  static List<PolicyLoss> losses() {
    return Cases.objectives(KlShaping.rollout(0.05)).stream()
        .map(o -> (PolicyLoss) o.loss())
        .toList();
  }

  @ParameterizedTest
  @MethodSource("losses")
  void graph_ofManyResponses_isNoLargerThanOfThree(PolicyLoss loss) {
    assertThat(operations(loss, 8)).isEqualTo(operations(loss, 3));
  }

  private static int operations(PolicyLoss loss, int k) {
    return Cases.graph(loss, Cases.random(1, k, 3, 1)).getOps().size();
  }

  @Test
  void objective_thatSeesDifferences_isRefusedRewards() {
    PolicyLoss falseClaim =
        new PolicyLoss() {
          @Override
          public String name() {
            return "false-claim";
          }

          @Override
          public RewardView rewardView() {
            return RewardView.DIFFERENCES;
          }

          @Override
          public LossTerms build(ResponseVariables responses) {
            return new LossTerms(responses.reward(0), ImmutableMap.of());
          }
        };
    Case c = Cases.random(1, 2, 3, 1);

    assertThatThrownBy(() -> Cases.graph(falseClaim, c))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("false-claim: expected to see differences of rewards alone");
  }
}
