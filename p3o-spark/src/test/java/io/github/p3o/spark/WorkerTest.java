package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.PairSampler;
import io.github.p3o.PolicyLoss;
import io.github.p3o.RewardModel;
import io.github.p3o.TabularPolicy;
import org.junit.jupiter.api.Test;

class WorkerTest {

  /** Of which the reward model cannot be made. */
  private record Unfinished(TabularPolicy policy) implements SparkModels<TabularPolicy> {
    @Override
    public PolicyLoss loss() {
      return BanditModels.USUAL.loss();
    }

    @Override
    public PairSampler sampler(TabularPolicy own) {
      return own;
    }

    @Override
    public RewardModel rewardModel() {
      throw new IllegalStateException("no such file");
    }
  }

  @Test
  void of_modelsThatCannotAllBeMade_closesThoseThatWere() {
    TabularPolicy policy = BanditModels.USUAL.policy();
    Run<TabularPolicy> run = new Run<>("run", new Unfinished(policy), 2, 1);
    assertThatThrownBy(() -> Worker.of(run)).hasMessage("no such file");
    assertThatThrownBy(() -> policy.parameters().vector())
        .hasMessage("parameters: expected open parameters, got closed ones");
  }
}
