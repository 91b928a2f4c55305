package io.github.p3o.examples.supervised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

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
}
