package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.NonFiniteException;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Rewards;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossEvaluatorTest {

  /** A difference of two rewards may be beyond what a double can be. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void evaluate_rewardsWhoseDifferenceOverflows_isRefusedAndThePairIsNamed(int k) {
    double[][] rewards = new double[k][4];
    rewards[0][2] = 1e308;
    rewards[1][2] = -1e308;
    LogProbs now = LogProbs.of(new double[k][4]);
    PairwiseBatch batch = PairwiseBatch.ofNumbers(now, now, Rewards.of(rewards));
    try (LossEvaluator evaluator = new LossEvaluator(P3OLoss.v2())) {
      assertThatThrownBy(() -> evaluator.evaluate(batch, now))
          .isInstanceOf(NonFiniteException.class)
          .hasMessageMatching(
              "evaluate: expected a finite loss and gradient, got loss (NaN|-?Infinity); the cause"
                  + " is pair 2, of rewards \\[1.0E308, -1.0E308.*\\], log-probabilities now .*");
      rewards[0][2] = 8e307; // 1.8e308 is greater than any
      rewards[1][2] = -8e307;
      PairwiseBatch less = PairwiseBatch.ofNumbers(now, now, Rewards.of(rewards));
      assertThat(evaluator.evaluate(less, now).gradient()[0][2]).isFinite();
    }
    assertThatThrownBy(() -> P3OLoss.v1().evaluate(batch, now))
        .isInstanceOf(NonFiniteException.class);
  }

  @Test
  void evaluate_afterClosingTwice_isRefusedByName() {
    Cases.Case data = Cases.random(1, 2, 5, 1);
    LossEvaluator evaluator = new LossEvaluator(P3OLoss.v2());
    assertThat(evaluator.evaluate(data.batch(), data.now()).loss())
        .isEqualTo(P3OLoss.v2().evaluate(data.batch(), data.now()).loss());
    evaluator.close();
    evaluator.close();

    assertThatThrownBy(() -> evaluator.evaluate(data.batch(), data.now()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("evaluator: expected an open one, got one that was closed");
  }
}
