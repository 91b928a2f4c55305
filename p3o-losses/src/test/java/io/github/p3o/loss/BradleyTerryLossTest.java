package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertGradient;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.Doubles;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class BradleyTerryLossTest {

  private static final double[] CHOSEN = {0.5, -1.25, 3};
  private static final double[] REJECTED = {-0.25, 0.75, 2.5};

  /** The formula in plain Java. */
  private static double mean(BradleyTerryLoss loss, double[] chosen, double[] rejected) {
    double sum = 0;
    for (int i = 0; i < chosen.length; i++) {
      double lead = chosen[i] - rejected[i] - loss.margin();
      double likelihood =
          lead > 0 ? -Math.log1p(Math.exp(-lead)) : lead - Math.log1p(Math.exp(lead));
      sum += loss.center() * Math.pow(chosen[i] + rejected[i], 2) - likelihood;
    }
    return sum / chosen.length;
  }

  // The constants: NumPy in float64, np.log(1 + np.exp(-(w - l - margin))) + center * (w + l)**2,
  // gradients by complex steps, np.imag(loss(x + 1e-30j)) / 1e-30.

  @Test
  void evaluate_withTheDefaults_equalsNumPy() {
    PreferenceEvaluation evaluation =
        PreferenceEvaluation.of(new BradleyTerryLoss(), CHOSEN, REJECTED);

    assertThat(evaluation.loss()).isCloseTo(1.0978336671126598, within(1e-10));
    assertThat(evaluation.gradient()[0])
        .containsExactly(
            new double[] {-0.10527376694153567, -0.2969323593259608, -0.08918022293271514},
            within(1e-10));
    assertThat(evaluation.gradient()[1])
        .containsExactly(
            new double[] {0.108607100274869, 0.29026569265929414, 0.1625135562660485},
            within(1e-10));
  }

  @Test
  void evaluate_withMarginAndStrongCentering_equalsNumPy() {
    PreferenceEvaluation evaluation =
        PreferenceEvaluation.of(new BradleyTerryLoss(0.5, 0.1), CHOSEN, REJECTED);

    assertThat(evaluation.loss()).isCloseTo(2.3014087782437795, within(1e-10));
    assertThat(evaluation.gradient()[0])
        .containsExactly(
            new double[] {-0.12927449970473393, -0.3413806066595855, 0.2}, within(1e-10));
    assertThat(evaluation.gradient()[1])
        .containsExactly(
            new double[] {0.16260783303806728, 0.27471393999291877, 0.5333333333333333},
            within(1e-10));
  }

  @Test
  void gradient_isThatOfDifferences() {
    for (BradleyTerryLoss loss :
        List.of(
            new BradleyTerryLoss(), new BradleyTerryLoss(0, 0), new BradleyTerryLoss(0.7, 0.2))) {
      PreferenceEvaluation evaluation = PreferenceEvaluation.of(loss, CHOSEN, REJECTED);
      assertGradient(
          loss.toString(),
          x -> mean(loss, Arrays.copyOf(x, 3), Arrays.copyOfRange(x, 3, 6)),
          Doubles.concat(CHOSEN, REJECTED),
          Doubles.concat(evaluation.gradient()),
          1e-9);
    }
  }

  @Test
  void evaluate_scoresAMillionApart_isExact() {
    PreferenceEvaluation evaluation =
        PreferenceEvaluation.of(
            new BradleyTerryLoss(0, 0), new double[] {1e6, -1e6, 50}, new double[] {0, 0, 0});

    assertThat(evaluation.loss())
        .isCloseTo((1e6 + Math.exp(-50)) / 3, within(1e-9)); // a sure mistake costs its lead
    assertThat(evaluation.gradient()[0])
        .containsExactly(new double[] {0, -1.0 / 3, -Math.exp(-50) / 3}, within(1e-24));
  }

  @Test
  void evaluate_scoresOf1e150_isFinite() {
    PreferenceEvaluation evaluation =
        PreferenceEvaluation.of(
            new BradleyTerryLoss(), new double[] {1e150, -1e150}, new double[] {-1e150, -1e150});

    assertThat(evaluation.loss()).isFinite();
    assertThat(Doubles.asList(Doubles.concat(evaluation.gradient()))).allMatch(Double::isFinite);
  }

  @Test
  void evaluate_equalScores_costLnTwoWithAHalfEachWay() {
    PreferenceEvaluation evaluation =
        PreferenceEvaluation.of(new BradleyTerryLoss(0, 0), new double[] {3}, new double[] {3});

    assertThat(evaluation.loss()).isCloseTo(Math.log(2), within(1e-15));
    assertThat(evaluation.gradient()[0][0]).isEqualTo(-0.5);
    assertThat(evaluation.gradient()[1][0]).isEqualTo(0.5);
    assertThat(evaluation.diagnostics()).containsEntry("rewards/accuracies", 0.0);
  }

  @Test
  void evaluate_aMillionComparisons_isTheirMean() {
    double[] chosen = new double[1_000_000];
    double[] rejected = new double[1_000_000];
    Arrays.setAll(chosen, i -> CHOSEN[i % 2]);
    Arrays.setAll(rejected, i -> REJECTED[i % 2]);
    PreferenceEvaluation evaluation =
        PreferenceEvaluation.of(new BradleyTerryLoss(), chosen, rejected);

    assertThat(evaluation.loss())
        .isCloseTo(
            mean(new BradleyTerryLoss(), Arrays.copyOf(CHOSEN, 2), Arrays.copyOf(REJECTED, 2)),
            within(1e-10));
  }

  @Test
  void diagnostics_areMeansOfScores() {
    PreferenceEvaluation evaluation =
        PreferenceEvaluation.of(new BradleyTerryLoss(), CHOSEN, REJECTED);

    assertThat(evaluation.diagnostics())
        .containsEntry("rewards/accuracies", 2.0 / 3)
        .containsEntry("rewards/margins", -0.75 / 3)
        .containsEntry("rewards/chosen", 2.25 / 3)
        .containsEntry("rewards/rejected", 1.0);
  }

  @Property(tries = 50)
  void shift_ofBothScoresWithoutCentering_changesNothing(
      @ForAll @Size(4) List<@IntRange(min = -512, max = 512) Integer> scores,
      @ForAll @IntRange(min = -4096, max = 4096) int shift) {
    double[] chosen = {scores.get(0) / 64.0, scores.get(1) / 64.0};
    double[] rejected = {scores.get(2) / 64.0, scores.get(3) / 64.0};
    BradleyTerryLoss loss = new BradleyTerryLoss(0.25, 0);
    PreferenceEvaluation before = PreferenceEvaluation.of(loss, chosen, rejected);
    PreferenceEvaluation after =
        PreferenceEvaluation.of(
            loss,
            Arrays.stream(chosen).map(s -> s + shift).toArray(),
            Arrays.stream(rejected).map(s -> s + shift).toArray());

    assertThat(after.loss()).isEqualTo(before.loss());
    assertThat(after.gradient()).isDeepEqualTo(before.gradient());
  }

  @Property(tries = 50)
  void exchange_ofTheScoresWithoutMargin_costsTheLead(
      @ForAll @DoubleRange(min = -30, max = 30) double chosen,
      @ForAll @DoubleRange(min = -30, max = 30) double rejected) {
    BradleyTerryLoss loss = new BradleyTerryLoss(0, 0.01);
    double[] w = {chosen};
    double[] l = {rejected};
    // −ln σ(x) + ln σ(−x) = −x
    assertThat(
            PreferenceEvaluation.of(loss, w, l).loss() - PreferenceEvaluation.of(loss, l, w).loss())
        .isCloseTo(rejected - chosen, within(1e-10));
  }

  @Test
  void constants_outOfRange_areRefused() {
    assertThatThrownBy(() -> new BradleyTerryLoss(-1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("margin: expected a finite number >= 0, got -1.0");
    assertThatThrownBy(() -> new BradleyTerryLoss(0, Double.NaN))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("center: expected a finite number >= 0, got NaN");
  }
}
