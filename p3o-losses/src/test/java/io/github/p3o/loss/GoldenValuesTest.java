package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.Rewards;
import io.github.p3o.loss.Cases.Case;
import io.github.p3o.loss.Cases.Objective;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Values and gradients against two independent computations. */
class GoldenValuesTest {

  private static final double TOLERANCE = 1e-10;

  /** The pairs that the constants below are for. */
  private static final Case PAIRS =
      new Case(
          PairwiseBatch.ofNumbers(
              LogProbs.of(
                  new double[] {-10.25, -12.375, -7.5}, new double[] {-10.75, -11.9375, -8.5}),
              LogProbs.of(new double[] {-10.5, -13, -8}, new double[] {-11.5, -11, -9.5}),
              Rewards.of(new double[] {1.5, -0.25, 0.75}, new double[] {0.5, 1, -0.5})),
          LogProbs.of(new double[] {-10, -12.5, -7.25}, new double[] {-11, -11.75, -9}));

  // The constants: NumPy in float64, the formulas with np.where for min and clip; gradients by
  // complex steps, np.imag(loss(s + 1e-30j)) / 1e-30 for each element of s, with the detached
  // factors (delta, w) held at the real s.

  @Test
  void v1_withTheAuthorsConstants_equalsNumPy() {
    assertNumPy(
        P3OLoss.v1(),
        0.0806653598205617,
        new double[] {0, 0.235630283875047, 0},
        new double[] {0, 0, 0});
  }

  @Test
  void v1_withWideClipNarrowWeightAndCurrentKl_equalsNumPy() {
    assertNumPy(
        P3OLoss.v1().withClipRange(0.3).withWeightClip(1.2).withKlShaping(KlShaping.current(0.1)),
        -0.070799363139496,
        new double[] {-0.17833686342885297, 0.24268664821076372, -0.2184626577003449},
        new double[] {0.15576015661428097, -0.24394664683534276, 0});
  }

  @Test
  void v2_withTheAuthorsConstants_equalsNumPyAndIsClippedEverywhere() {
    assertNumPy(P3OLoss.v2(), -0.46839183898688397, new double[3], new double[3]);
  }

  @Test
  void v2_withWideClipNarrowWeightAndCurrentKl_equalsNumPy() {
    assertNumPy(
        P3OLoss.v2().withClipRange(0.7).withWeightClip(1.2).withKlShaping(KlShaping.current(0.1)),
        -0.6388627629042848,
        new double[] {-0.16666666666666666, 0.24394664683534276, 0},
        new double[] {0.16666666666666666, -0.24394664683534276, 0});
  }

  @Test
  void ppg_onPolicy_equalsNumPy() {
    assertNumPy(
        PairwisePolicyGradientLoss.onPolicy(),
        -0.7087239583333332,
        new double[] {-0.1708333333333333, 0.22135416666666666, -0.21249999999999997},
        new double[] {0.1708333333333333, -0.22135416666666666, 0.21249999999999997});
  }

  @Test
  void ppg_withImportanceSampling_equalsNumPy() {
    assertNumPy(
        PairwisePolicyGradientLoss.importanceSampled(),
        -0.6371725874442973,
        new double[] {-0.1708333333333333, 0.235630283875047, -0.1654951664026735},
        new double[] {0.1708333333333333, -0.235630283875047, 0.1654951664026735});
  }

  @Test
  void dpo_withItsUsualConstant_equalsNumPy() {
    assertNumPy(
        new OnlineDpoLoss(),
        0.7104905064675463,
        new double[] {-0.016666666666666666, 0.017706979112458544, -0.01645834418334965},
        new double[] {0.016666666666666666, -0.017706979112458544, 0.01645834418334965});
  }

  private static void assertNumPy(
      PairwiseLoss loss, double value, double[] first, double[] second) {
    Evaluation evaluation = PAIRS.evaluate(loss);

    assertThat(evaluation.loss()).isCloseTo(value, within(TOLERANCE));
    assertThat(evaluation.gradient()[0]).containsExactly(first, within(TOLERANCE));
    assertThat(evaluation.gradient()[1]).containsExactly(second, within(TOLERANCE));
  }

  @TestFactory
  Stream<DynamicTest> evaluate_ofRandomPairs_equalsThePublishedFormInPlainJava() {
    return DynamicTest.stream(
        Cases.variants().stream(),
        Objective::toString,
        objective -> {
          assertReference(objective, Cases.random(1, 2, 60, 0.5));
          assertReference(objective, Cases.random(2, 2, 60, 4));
        });
  }

  @TestFactory
  Stream<DynamicTest> evaluate_ofThreeOrFourResponses_isTheMeanOverAllPairs() {
    return DynamicTest.stream(
        Cases.objectives(KlShaping.rollout(0.05)).stream(),
        Objective::toString,
        objective -> {
          assertReference(objective, Cases.random(3, 3, 20, 1));
          assertReference(objective, Cases.random(4, 4, 20, 1));
        });
  }

  private static void assertReference(Objective objective, Case c) {
    Evaluation evaluation = c.evaluate(objective.loss());
    int k = c.now().responses();
    double[][] gradient = new double[k][c.now().groups()];
    double value = objective.reference().mean(c.batch(), c.now(), gradient);

    assertThat(evaluation.loss())
        .isCloseTo(value, within(TOLERANCE * Math.max(1, Math.abs(value))));
    for (int i = 0; i < k; i++) {
      assertClose("gradient of row " + i, gradient[i], evaluation.gradient()[i], TOLERANCE);
    }
  }
}
