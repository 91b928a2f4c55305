package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** The exponential is as exact as it says, everywhere. */
class LaneKernelsTest {

  private static double exp(double x) {
    double[] out = new double[1];
    LaneKernels.exp(out, new double[] {x}, 1);
    return out[0];
  }

  @Test
  void exp_ofAnyNumber_isWithinTwoUnitsInTheLastPlace() {
    Random random = new Random(1);
    int n = 100_000;
    for (double width : new double[] {1e-18, 1e-3, 1, 20, 700}) {
      double[] x = random.doubles(n, -width, width).toArray();
      double[] y = new double[n];
      LaneKernels.exp(y, x, n);
      for (int i = 0; i < n; i++) {
        double exact = Math.exp(x[i]);
        assertThat(Math.abs(y[i] - exact))
            .as("e^%s", x[i])
            .isLessThanOrEqualTo(2 * Math.ulp(exact));
      }
    }
  }

  @Test
  void exp_ofExtremes_isWhatItIs() {
    assertThat(exp(0)).isEqualTo(1);
    assertThat(exp(-0.0)).isEqualTo(1);
    assertThat(exp(Double.NEGATIVE_INFINITY)).isEqualTo(0);
    assertThat(exp(Double.POSITIVE_INFINITY)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(exp(Double.NaN)).isNaN();
    assertThat(exp(-1e9)).isEqualTo(0);
    assertThat(exp(1e300)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(exp(709.9)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(exp(709.7)).isBetween(1.65e308, 1.66e308);
    // Below the least normal number digits are lost, and a unit in the last place is large.
    assertThat(exp(-740)).isBetween(Math.exp(-740) * 0.9, Math.exp(-740) * 1.1);
    assertThat(exp(-745.2)).isEqualTo(Math.exp(-745.2));
  }

  @Test
  void comparisons_ofZeros_doNotSeeTheSign() {
    double[] out = new double[3];
    double[] zeros = {0.0, -0.0, Double.MIN_VALUE};
    LaneKernels.less(out, zeros, 0, 3);
    assertThat(out).containsExactly(0, 0, 0);
    LaneKernels.greater(out, zeros, 0, 3);
    assertThat(out).containsExactly(0, 0, 1);
    LaneKernels.greater(out, zeros, new double[] {-0.0, 0.0, 0.0}, 3);
    assertThat(out).containsExactly(0, 0, 1);
  }
}
