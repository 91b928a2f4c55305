package io.github.p3o.examples.supervised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.examples.report.Estimate;
import java.util.Collections;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CalibrationTest {

  @Test
  void calibration_ofACoin_isChance() {
    Calibration calibration = Calibration.of(0, 0, 0);

    assertThat(calibration.accuracy().mean()).isEqualTo(0.5);
    assertThat(calibration.loss().mean()).isCloseTo(Math.log(2), within(1e-12));
    assertThat(calibration.expectedError()).isCloseTo(0, within(1e-12));
  }

  @Test
  void calibration_ofOneTooSureOfItself_saysByHowMuch() {
    // Sure at σ(3) = 0.953, right in two of four.
    Calibration calibration = Calibration.of(3, 3, -3, -3);

    assertThat(calibration.accuracy().mean()).isEqualTo(0.5);
    assertThat(calibration.expectedError()).isCloseTo(1 / (1 + Math.exp(-3)) - 0.5, within(1e-12));
    assertThat(calibration.table().toString()).contains("0.9-1.0").doesNotContain("0.5-0.6");
    assertThat(calibration.loss().mean())
        .isCloseTo((Math.log1p(Math.exp(-3)) + Math.log1p(Math.exp(3))) / 2, within(1e-12));
  }

  /** Wilson's interval of 8 of 8. */
  @Test
  void table_ofABinThatIsAllRight_doesNotSaySoForSure() {
    Calibration calibration = Calibration.of(3, 3, 3, 3, 3, 3, 3, 3);

    assertThat(calibration.table().toString()).contains("1.000  0.676 to 1.000");
  }

  /** Confidences of three ranges and different numbers, drawn right with just that probability. */
  @Test
  void errorOfCalibrated_isTheMeanErrorOfModelsThatAreRightAsOftenAsTheySay() {
    double[] confidences = {0.55, 0.65, 0.95};
    int[] counts = {200, 40, 3};
    SplittableRandom random = new SplittableRandom(3);
    double[] errors = new double[4000];
    Calibration calibration = Calibration.of(0);
    for (int run = 0; run < errors.length; run++) {
      double[] margins =
          IntStream.range(0, 3)
              .boxed()
              .flatMap(bin -> Collections.nCopies(counts[bin], confidences[bin]).stream())
              .mapToDouble(p -> Math.log(p / (1 - p)) * (random.nextDouble() < p ? 1 : -1))
              .toArray();
      calibration = Calibration.of(margins);
      errors[run] = calibration.expectedError();
    }
    Estimate simulated = Estimate.of(errors);
    assertThat(calibration.errorOfCalibrated())
        .isCloseTo(simulated.mean(), within(4 * simulated.standardError()))
        .isGreaterThan(0.02);
    assertThat(calibration.measures("unknown").toString())
        .contains(String.format(Locale.ROOT, "%.3f", calibration.errorOfCalibrated()))
        .doesNotContain("0.000");
  }

  @Test
  void errorOfCalibrated_ofOneThatIsCertain_isNone() {
    assertThat(Calibration.of(1000, 1000).errorOfCalibrated()).isZero();
  }
}
