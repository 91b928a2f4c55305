package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.LossTerms;
import io.github.p3o.NonFiniteException;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import io.github.p3o.Rewards;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;

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

  /** The mean log-probability of the first responses, by an op that is not pointwise or is. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void evaluate_anObjectiveThatDoesNotReadAResponse_givesItAGradientOf0(boolean pointwise) {
    PolicyLoss first =
        new PolicyLoss() {
          @Override
          public String name() {
            return "first";
          }

          @Override
          public LossTerms build(ResponseVariables responses) {
            SDVariable now = responses.logProb(0);
            SDVariable loss = pointwise ? now.mul(2.0) : now.getSameDiff().math().cube(now);
            return new LossTerms(loss, ImmutableMap.of());
          }
        };
    LogProbs now = LogProbs.of(new double[] {-1, -2}, new double[] {-3, -4});
    PairwiseBatch batch = PairwiseBatch.ofNumbers(now, now, Rewards.of(new double[2][2]));
    try (LossEvaluator evaluator = new LossEvaluator(first)) {
      double[][] gradient = evaluator.evaluate(batch, now).gradient();
      assertThat(gradient[0])
          .containsExactly(pointwise ? new double[] {1, 1} : new double[] {1.5, 6});
      assertThat(gradient[1]).containsExactly(0, 0);
    }
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

  /** β = 0.2 times ½ is β = 0.1, at rollout and now, for pairs and for three responses. */
  @Test
  void evaluate_withAFactorOfTheKlCoefficient_isTheObjectiveWithThatCoefficient() {
    for (Function<Double, KlShaping> shaping :
        List.<Function<Double, KlShaping>>of(KlShaping::rollout, KlShaping::current)) {
      for (int k = 2; k <= 3; k++) {
        Cases.Case data = Cases.random(k, k, 7, 3);
        P3OLoss loss = P3OLoss.v2().withKlShaping(shaping.apply(0.2));
        P3OLoss half = P3OLoss.v2().withKlShaping(shaping.apply(0.1));
        try (LossEvaluator evaluator = new LossEvaluator(loss)) {
          Evaluation scaled = evaluator.evaluate(data.batch(), data.now(), 0.5);
          Evaluation expected = half.evaluate(data.batch(), data.now());
          assertThat(scaled.loss()).isEqualTo(expected.loss());
          assertThat(scaled.gradient()).isDeepEqualTo(expected.gradient());
          assertThat(evaluator.evaluate(data.batch(), data.now()).loss())
              .isNotEqualTo(expected.loss());
        }
      }
    }
  }

  @Test
  void evaluate_withAFactorThatIsNone_isRefused() {
    Cases.Case data = Cases.random(1, 2, 5, 1);
    try (LossEvaluator evaluator = new LossEvaluator(P3OLoss.v2())) {
      for (double bad : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
        assertThatThrownBy(() -> evaluator.evaluate(data.batch(), data.now(), bad))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("klScale: expected a finite number >= 0, got " + bad);
      }
    }
  }
}
