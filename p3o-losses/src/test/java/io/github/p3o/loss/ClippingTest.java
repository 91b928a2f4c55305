package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.loss.Cases.Case;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/** When exactly P3O clips, and what is reported of it. */
class ClippingTest {

  private static final KlShaping NO_KL = KlShaping.rollout(0);

  /** A pair whose first response has moved by this log-ratio, the second not. */
  private static Evaluation evaluate(P3OLoss loss, double moved, double delta) {
    Case c =
        Cases.of(
            2,
            new double[] {-4, -5},
            new double[] {-4 + moved, -5},
            new double[2],
            new double[] {delta, 0});
    return c.evaluate(loss.withKlShaping(NO_KL));
  }

  private static double clipFraction(Evaluation evaluation) {
    return diagnostic(evaluation, Surrogate.CLIP_FRACTION);
  }

  private static double diagnostic(Evaluation evaluation, String name) {
    Map<String, Double> diagnostics = evaluation.statistics().diagnostics();
    assertThat(diagnostics).containsKey(name);
    return diagnostics.getOrDefault(name, Double.NaN);
  }

  /** eˣ as graphs compute it. */
  private static double exp(double x) {
    return Transforms.exp(Nd4j.createFromArray(x)).getDouble(0);
  }

  @Test
  void v1_ratioExactlyOnTheUpperBound_isNotClipped() {
    P3OLoss loss = P3OLoss.v1().withClipRange(exp(0.25) - 1); // 1 + ε is e^¼ to the bit
    Evaluation on = evaluate(loss, 0.25, 2);
    Evaluation beyond = evaluate(loss, 0.25 + 1e-9, 2);

    assertThat(clipFraction(on)).isZero();
    assertThat(on.gradient()[0][0]).isEqualTo(-exp(0.25));
    assertThat(clipFraction(beyond)).isEqualTo(0.5); // one of the two terms
    assertThat(beyond.gradient()[0][0]).isZero();
    assertThat(beyond.loss()).isCloseTo(on.loss(), within(1e-8));
  }

  @Test
  void v1_ratioExactlyOnTheLowerBound_isNotClipped() {
    P3OLoss loss = P3OLoss.v1().withClipRange(1 - exp(-0.25));
    Evaluation on = evaluate(loss, -0.25, -2);
    Evaluation beyond = evaluate(loss, -0.25 - 1e-9, -2);

    assertThat(clipFraction(on)).isZero();
    assertThat(on.gradient()[0][0]).isEqualTo(exp(-0.25));
    assertThat(clipFraction(beyond)).isEqualTo(0.5);
    assertThat(beyond.gradient()[0][0]).isZero();
  }

  @Test
  void v1_ratioOutsideOnTheSideThatHurts_isNotClipped() {
    // worse response made likelier, better response made less likely: nothing to be pessimistic of
    assertThat(clipFraction(evaluate(P3OLoss.v1(), 2, -1))).isZero();
    assertThat(clipFraction(evaluate(P3OLoss.v1(), -2, 1))).isZero();
    assertThat(clipFraction(evaluate(P3OLoss.v2(), 2, -1))).isZero();
    assertThat(clipFraction(evaluate(P3OLoss.v2(), -2, 1))).isZero();
  }

  @Test
  void clipFractions_ofEachSide_tellWhereItWasClipped() {
    for (P3OLoss loss : new P3OLoss[] {P3OLoss.v1(), P3OLoss.v2()}) {
      double share = loss.form() == P3OLoss.Form.V1 ? 0.5 : 1; // one of V1's two terms
      Evaluation up = evaluate(loss, 2, 1); // a better response, made likelier
      Evaluation down = evaluate(loss, -2, -1); // a worse one, made less likely

      assertThat(diagnostic(up, Surrogate.CLIP_FRACTION_ABOVE)).isEqualTo(share);
      assertThat(diagnostic(up, Surrogate.CLIP_FRACTION_BELOW)).isZero();
      assertThat(diagnostic(down, Surrogate.CLIP_FRACTION_ABOVE)).isZero();
      assertThat(diagnostic(down, Surrogate.CLIP_FRACTION_BELOW)).isEqualTo(share);
    }
  }

  @Test
  void v2_differenceExactlyOnABound_isNotClipped() {
    P3OLoss loss = P3OLoss.v2().withClipRange(0.25);
    double weight = exp(0.25);
    Evaluation up = evaluate(loss, 0.25, 2);
    Evaluation down = evaluate(loss, -0.25, -2);

    assertThat(clipFraction(up)).isZero();
    assertThat(up.gradient()[0][0]).isEqualTo(-weight);
    assertThat(up.gradient()[1][0]).isEqualTo(weight);
    assertThat(clipFraction(down)).isZero();
    assertThat(down.gradient()[0][0]).isEqualTo(exp(-0.25));
    assertThat(clipFraction(evaluate(loss, 0.25 + 1e-9, 2))).isOne();
    assertThat(clipFraction(evaluate(loss, -0.25 - 1e-9, -2))).isOne();
    assertThat(evaluate(loss, 0.25 + 1e-9, 2).gradient()[1][0]).isZero();
  }

  @Test
  void clipRange_aboveOne_neverClipsBelow() {
    P3OLoss loss = P3OLoss.v1().withClipRange(1.5);

    assertThat(clipFraction(evaluate(loss, -19, -1))).isZero();
    assertThat(clipFraction(evaluate(loss, 1, 1))).isEqualTo(0.5); // e > 2.5
  }

  @Test
  void infiniteBounds_clipNothingAndStayFinite() {
    double infinity = Double.POSITIVE_INFINITY;
    for (P3OLoss loss : new P3OLoss[] {P3OLoss.v1(), P3OLoss.v2()}) {
      P3OLoss open = loss.withClipRange(infinity).withWeightClip(infinity);
      for (double moved : new double[] {-1e6, -20, 0, 20, 1e6}) {
        Evaluation evaluation = evaluate(open, moved, 1e30);

        assertThat(evaluation.loss()).isFinite();
        assertThat(clipFraction(evaluation)).isZero();
        assertThat(diagnostic(evaluation, P3OLoss.WEIGHT_CLIP_FRACTION)).isZero();
      }
    }
  }

  @Test
  void logRatio_upToTwenty_isTakenAsItIsAndBeyondAsTwenty() {
    P3OLoss open = P3OLoss.v2().withWeightClip(Double.POSITIVE_INFINITY).withClipRange(1e6);
    for (double moved : new double[] {-25, -20, -19.5, 19.5, 20, 25}) {
      double weight = Math.exp(Math.max(-20, Math.min(20, moved)));
      Evaluation evaluation = evaluate(open, moved, 2);

      assertThat(evaluation.gradient()[0][0]).isCloseTo(-weight, within(1e-12 * weight));
      assertThat(evaluation.statistics().clampedLogRatios())
          .isEqualTo(Math.abs(moved) > 20 ? 1 : 0);
    }
  }

  @Test
  void weightClip_boundsTheWeightAndIsCounted() {
    double ln4 = Math.log(4);
    // the second response's ratio ¼ is outside [½, 2]; the first's is 1
    Case c =
        Cases.of(
            2,
            new double[] {-4, -5},
            new double[] {-4, -5 - ln4},
            new double[2],
            new double[] {1, 0});
    Evaluation v1 = c.evaluate(P3OLoss.v1().withWeightClip(2).withKlShaping(NO_KL));
    Evaluation v2 = c.evaluate(P3OLoss.v2().withWeightClip(2).withKlShaping(NO_KL));

    assertThat(diagnostic(v1, P3OLoss.WEIGHT_CLIP_FRACTION)).isEqualTo(0.5);
    assertThat(v1.gradient()[0][0]).isCloseTo(-0.25, within(1e-15)); // −½ · w₂ · ρ₁ = −½ · ½
    assertThat(diagnostic(v2, P3OLoss.WEIGHT_CLIP_FRACTION)).isOne();
  }

  @Test
  void clipFractions_ofRandomPairs_areTheSharesByDefinition() {
    double epsilon = 0.2;
    double c = 2;
    Case pairs = Cases.random(9, 2, 500, 1.5);
    int[] clipped = new int[2];
    int[] weights = new int[2];
    for (int g = 0; g < 500; g++) {
      double l1 = logRatio(pairs, 0, g);
      double l2 = logRatio(pairs, 1, g);
      double delta = pairs.batch().rewards().get(0, g) - pairs.batch().rewards().get(1, g);
      clipped[0] += isClipped(delta, Math.exp(l1), 1, epsilon);
      clipped[0] += isClipped(-delta, Math.exp(l2), 1, epsilon);
      clipped[1] += isClipped(delta, l1 - l2, 0, epsilon);
      weights[0] += isOutside(l1, c) + isOutside(l2, c);
      weights[1] += isOutside(l1 + l2, c);
    }
    P3OLoss v1 = P3OLoss.v1().withWeightClip(c).withKlShaping(NO_KL);
    P3OLoss v2 = P3OLoss.v2().withWeightClip(c).withKlShaping(NO_KL);

    assertThat(clipFraction(pairs.evaluate(v1))).isCloseTo(clipped[0] / 1000.0, within(1e-12));
    assertThat(clipFraction(pairs.evaluate(v2))).isCloseTo(clipped[1] / 500.0, within(1e-12));
    assertThat(diagnostic(pairs.evaluate(v1), P3OLoss.WEIGHT_CLIP_FRACTION))
        .isCloseTo(weights[0] / 1000.0, within(1e-12));
    assertThat(diagnostic(pairs.evaluate(v2), P3OLoss.WEIGHT_CLIP_FRACTION))
        .isCloseTo(weights[1] / 500.0, within(1e-12));
  }

  private static double logRatio(Case c, int response, int group) {
    LogProbs old = c.batch().oldLogProbs();
    return c.now().get(response, group) - old.get(response, group);
  }

  private static int isClipped(double delta, double x, double center, double epsilon) {
    boolean clipped = (delta > 0 && x > center + epsilon) || (delta < 0 && x < center - epsilon);
    return clipped ? 1 : 0;
  }

  private static int isOutside(double logWeight, double c) {
    return Math.abs(logWeight) > Math.log(c) ? 1 : 0;
  }

  @Test
  void settings_outOfRange_areRefused() {
    assertThatThrownBy(() -> P3OLoss.v1().withClipRange(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("clipRange: expected > 0, got 0.0");
    assertThatThrownBy(() -> P3OLoss.v1().withClipRange(Double.NaN))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> P3OLoss.v2().withWeightClip(0.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("weightClip: expected >= 1, got 0.5");
    assertThatThrownBy(() -> KlShaping.rollout(-0.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("klCoefficient: expected a finite number >= 0, got -0.1");
    assertThatThrownBy(() -> new OnlineDpoLoss(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("klCoefficient: expected a finite number > 0, got 0.0");
  }
}
