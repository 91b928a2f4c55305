package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** The exponential is as exact as it says, everywhere. */
class DoubleExpTest {

  private static final DoubleExp EXP = new DoubleExp();

  private static double exp(double x) {
    double[] out = new double[1];
    EXP.exp(out, new double[] {x}, 1);
    return out[0];
  }

  @Test
  void exp_ofAnyNumber_isWithinTwoUnitsInTheLastPlace() {
    Random random = new Random(1);
    int n = 100_000;
    for (double width : new double[] {1e-18, 1e-3, 1, 20, 700}) {
      double[] x = random.doubles(n, -width, width).toArray();
      double[] y = new double[n];
      EXP.exp(y, x, n);
      for (int i = 0; i < n; i++) {
        double exact = Math.exp(x[i]);
        assertThat(Math.abs(y[i] - exact))
            .as("e^%s", x[i])
            .isLessThanOrEqualTo(2 * Math.ulp(exact));
      }
    }
  }

  @Test
  void ofBounded_isWithinTwoUnitsInTheLastPlace() {
    Random random = new Random(3);
    for (double width : new double[] {1e-18, 1, 20, DoubleExp.BOUND}) {
      double[] x = random.doubles(10_001, -width, width).toArray();
      x[0] = -width;
      x[1] = width;
      x[2] = -0.0;
      double[] y = new double[x.length];
      EXP.ofBounded(y, x, x.length);
      for (int i = 0; i < x.length; i++) {
        double exact = Math.exp(x[i]);
        assertThat(Math.abs(y[i] - exact))
            .as("e^%s", x[i])
            .isLessThanOrEqualTo(2 * Math.ulp(exact));
      }
      EXP.ofBounded(x, x, x.length);
      assertThat(x).as("in place").containsExactly(y);
    }
    double[] none = {Double.NaN};
    EXP.ofBounded(none, none, 1);
    assertThat(none[0]).isNaN();
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
  void exp_inPlace_givesTheSame() {
    double[] x = new Random(2).doubles(1000, -30, 30).toArray();
    double[] apart = new double[x.length];
    EXP.exp(apart, x, x.length);
    EXP.exp(x, x, x.length);
    assertThat(x).containsExactly(apart);
  }
}
