package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FloatExpTest {

  private static final FloatExp EXP = new FloatExp();

  /** Below, results are 0. */
  private static final float LEAST = (float) (-125.5 * Math.log(2));

  private static float exp(float x) {
    float[] value = {x};
    EXP.exp(value, value, 1);
    return value[0];
  }

  /** The error in units in the last place of the right result. */
  private static double error(float actual, float x) {
    double right = Math.exp(x);
    float rounded = (float) right;
    return Float.isInfinite(rounded)
        ? (Float.isInfinite(actual) ? 0 : Double.POSITIVE_INFINITY)
        : Math.abs(actual - right) / Math.ulp(rounded);
  }

  @Test
  void exp_overTheWholeRange_isWithinTwoUnitsInTheLastPlaceOrAlmostZero() {
    int count = 4_000_000;
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = -120 + 220f * i / count; // underflow, overflow
    }
    float[] result = new float[count];
    EXP.exp(result, x, count);

    for (int i = 0; i < count; i++) {
      boolean almostZero = x[i] < LEAST;
      if (almostZero ? result[i] != 0 : error(result[i], x[i]) > 2) {
        assertThat(result[i])
            .as("exp(%s)", x[i])
            .isEqualTo(almostZero ? 0 : (float) Math.exp(x[i]));
      }
    }
  }

  @Test
  void exp_ofExtremes_isExact() {
    assertThat(exp(0)).isEqualTo(1);
    assertThat(exp(-0f)).isEqualTo(1);
    assertThat(exp(Float.MIN_VALUE)).isEqualTo(1);
    assertThat(exp(-1e9f)).isZero();
    assertThat(exp(-Float.MAX_VALUE)).isZero();
    assertThat(exp(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(exp(89)).isInfinite();
    assertThat(exp(Float.MAX_VALUE)).isInfinite();
    assertThat(exp(Float.POSITIVE_INFINITY)).isInfinite();
    assertThat(exp(Float.NaN)).isNaN();
    assertThat(exp(Math.nextDown((float) Math.log(Float.MAX_VALUE)))).isFinite();
  }

  @Test
  void exp_ofPartOfAnArray_leavesTheRest() {
    float[] values = {1, 2, 3};
    EXP.exp(values, values, 2);

    assertThat(values[2]).isEqualTo(3);
  }
}
