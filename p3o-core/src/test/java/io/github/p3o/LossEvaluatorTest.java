package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.Ops;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;

class LossEvaluatorTest {

  /** A gradient of ∞ at a loss of 0. */
  @Test
  void evaluate_finiteLossWithGradientThatIsNot_isRefusedAndThePairIsNamed() {
    PairwiseLoss rootOfRatio =
        new PairwiseLoss() {
          @Override
          public String name() {
            return "test";
          }

          @Override
          public LossTerms build(PairVariables pair) {
            SDVariable root = Ops.sqrt(Ops.subtract(pair.s1(), pair.o1()));
            return new LossTerms(Ops.add(root, Ops.multiply(pair.s2(), 0)), ImmutableMap.of());
          }
        };
    LogProbs old = LogProbs.of(new double[][] {{-1, -1}, {-2, -2}});
    LogProbs now = LogProbs.of(new double[][] {{-0.5, -1}, {-2, -2}});
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(old, old, Rewards.of(new double[][] {{1, 1}, {0, 0}}));
    assertThatThrownBy(() -> rootOfRatio.evaluate(batch, now))
        .isInstanceOf(NonFiniteException.class)
        .hasMessageContaining("and a gradient that is not; the cause is pair 1, of rewards [1.0, ");
  }

  @Test
  void evaluate_afterClose_isRefused() {
    LogProbs logProbs = LogProbs.of(new double[][] {{-1}, {-2}});
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(logProbs, logProbs, Rewards.of(new double[][] {{1}, {0}}));
    LossEvaluator evaluator = new LossEvaluator(new ImportanceSampledLoss());
    evaluator.close();
    assertThatThrownBy(() -> evaluator.evaluate(batch, logProbs))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("evaluator: expected an open one, got one that was closed");
  }

  @Test
  void evaluate_batchesOfOneSize_buildsTheGraphOnce() {
    AtomicInteger builds = new AtomicInteger();
    PairwiseLoss counted =
        new PairwiseLoss() {
          @Override
          public String name() {
            return "test";
          }

          @Override
          public LossTerms build(PairVariables pair) {
            builds.incrementAndGet();
            return new ImportanceSampledLoss().build(pair);
          }
        };
    LogProbs logProbs = LogProbs.of(new double[][] {{-1}, {-2}});
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(logProbs, logProbs, Rewards.of(new double[][] {{1}, {0}}));
    try (LossEvaluator evaluator = new LossEvaluator(counted)) {
      Evaluation first = evaluator.evaluate(batch, logProbs);
      assertThat(evaluator.evaluate(batch, logProbs).loss()).isEqualTo(first.loss());
      assertThat(builds).hasValue(1);
    }
  }
}
