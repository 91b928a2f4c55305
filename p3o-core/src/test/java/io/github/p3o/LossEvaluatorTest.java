package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.Ops;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.NameScope;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

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

  /** Of rewards and pairs, first asked for within the scope. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void evaluate_objectiveInANameScope_givesTheSame(int k) {
    double[][] numbers = {{-1, -2}, {-2, -1}, {-3, -2}};
    LogProbs old = LogProbs.of(Arrays.copyOf(numbers, k));
    LogProbs now = LogProbs.of(Arrays.copyOf(new double[][] {{-2, -2}, {-1, -2}, {-2, -1}}, k));
    PairwiseBatch batch = PairwiseBatch.ofNumbers(old, old, Rewards.of(Arrays.copyOf(numbers, k)));
    double[] losses = new double[2];
    for (String scope : List.of("", "of a host")) {
      PolicyLoss loss =
          new PolicyLoss() {
            @Override
            public String name() {
              return "test";
            }

            @Override
            public LossTerms build(ResponseVariables responses) {
              SameDiff graph = responses.logProb(0).getSameDiff();
              NameScope opened = scope.isEmpty() ? null : graph.withNameScope(scope);
              SDVariable ratio =
                  Ops.exp(Ops.subtract(responses.logProb(0), responses.oldLogProb(0)));
              SDVariable difference = responses.meanOverPairs(responses.pairs().rewardDifference());
              SDVariable reward =
                  Ops.multiply(responses.reward(1), responses.batchMeans().reward());
              if (opened != null) {
                opened.close();
              }
              return new LossTerms(
                  Ops.multiply(ratio, Ops.add(difference, reward)), ImmutableMap.of());
            }
          };
      losses[scope.isEmpty() ? 0 : 1] = loss.evaluate(batch, now).loss();
    }
    assertThat(losses[1]).isEqualTo(losses[0]).isNotZero();
  }
}
