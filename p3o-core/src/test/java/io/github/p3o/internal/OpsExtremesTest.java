package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.UnaryOperator;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;

/** Values and gradients of ops where naive formulas overflow, cancel or have a kink. */
class OpsExtremesTest {

  private static final Offset<Double> ROUNDING = within(1e-15);

  @Test
  void exp_farBelowZero_isTinyOrZeroAndNeverNaN() {
    OpCheck.Point exp = OpCheck.at(x -> Ops.exp(x[0]), -700, -745.2, -1e6, 0, 20);

    double e20 = Math.exp(20);
    assertThat(exp.values()[0]).isCloseTo(Math.exp(-700), within(1e-318));
    assertThat(exp.values()).containsSequence(0, 0, 1);
    assertThat(exp.values()[4]).isCloseTo(e20, within(1e-14 * e20));
    assertThat(exp.gradient()).isEqualTo(exp.values());
  }

  @Test
  void logSumExp_ofHugeEqualOrFarValues_isExact() {
    assertLogSumExp(new double[] {1e4, 1e4}, 1e4 + Math.log(2), 0.5, 0.5);
    assertLogSumExp(new double[] {-1e4, -1e4, -1e4, -1e4}, -1e4 + Math.log(4), .25, .25, .25, .25);
    assertLogSumExp(new double[] {1e4, -1e4}, 1e4, 1, 0);
    assertLogSumExp(new double[] {-1e300, 3, 3}, 3 + Math.log(2), 0, 0.5, 0.5);
    assertLogSumExp(new double[] {0, 0}, Math.log(2), 0.5, 0.5);
  }

  private static void assertLogSumExp(double[] x, double value, double... gradient) {
    OpCheck.Point point = OpCheck.at(v -> Ops.logSumExp(Ops.reshape(v[0], 1, x.length)), x);

    assertThat(point.values()).containsExactly(new double[] {value}, within(1e-12));
    assertThat(point.gradient()).containsExactly(gradient, ROUNDING);
  }

  @Test
  void softmax_ofHugeOrEqualValues_sumsToOne() {
    double[] x = {1e4, 1e4, -1e4, 5, 5, 5, 0, -1e6, 1e6};
    OpCheck.Point softmax = OpCheck.at(v -> Ops.softmax(Ops.reshape(v[0], 1, 3, 3)), x);

    double third = 1.0 / 3;
    assertThat(softmax.values())
        .containsExactly(new double[] {.5, .5, 0, third, third, third, 0, 0, 1}, ROUNDING);
    // the sum of a row is 1 whatever x
    assertThat(softmax.gradient()).containsExactly(new double[9], ROUNDING);
  }

  /** Values of the two definitions, by the formulas in CPython's math module. */
  @Test
  void gelus_farFromZero_areTheIdentityOrZero() {
    double[] x = {0, 1, -1, 40, -40, 1e6, -1e6};
    OpCheck.Point exact = OpCheck.at(v -> Ops.gelu(v[0]), x);
    OpCheck.Point tanh = OpCheck.at(v -> Ops.geluTanh(v[0]), x);

    assertThat(exact.values())
        .containsExactly(
            new double[] {0, 0.841344746068543, -0.158655253931457, 40, 0, 1e6, 0}, within(1e-14));
    assertThat(tanh.values())
        .containsExactly(
            new double[] {0, 0.841191990608276, -0.158808009391724, 40, 0, 1e6, 0}, within(1e-14));
    assertThat(exact.gradient()[0]).isEqualTo(0.5);
    assertThat(tanh.gradient()[0]).isEqualTo(0.5);
    assertThat(exact.gradient()).endsWith(1, 0, 1, 0);
    assertThat(tanh.gradient()).endsWith(1, 0, 1, 0);
  }

  @Test
  void logSigmoid_anywhere_isExactWithAHalfAtZero() {
    OpCheck.Point point =
        OpCheck.at(x -> Ops.logSigmoid(x[0]), 0, 1e6, -1e6, 40, -40, 1e300, -1e300);

    double e40 = Math.exp(-40);
    assertThat(point.values())
        .containsExactly(
            new double[] {-Math.log(2), 0, -1e6, -e40, -40 - e40, 0, -1e300}, ROUNDING);
    assertThat(point.gradient())
        .containsExactly(new double[] {0.5, 0, 1, e40, 1 - e40, 0, 1}, ROUNDING);
    assertThat(point.values()[3]).isCloseTo(-e40, within(1e-30)); // not lost against 1
  }

  @Test
  void sigmoid_farFromZero_saturatesWithoutNaN() {
    OpCheck.Point point = OpCheck.at(x -> Ops.sigmoid(x[0]), 0, 800, -800, 1e6, -1e6, -40);

    double e40 = Math.exp(-40);
    assertThat(point.values()).containsExactly(new double[] {.5, 1, 0, 1, 0, e40}, ROUNDING);
    assertThat(point.gradient()).containsExactly(new double[] {.25, 0, 0, 0, 0, e40}, ROUNDING);
  }

  @Test
  void clip_onTheBoundary_isInside() {
    OpCheck.Point point =
        OpCheck.at(x -> Ops.clip(x[0], -1, 2), -1, 2, Math.nextDown(-1), Math.nextUp(2), 0, 1e300);

    assertThat(point.values()).containsExactly(-1, 2, -1, 2, 0, 2);
    assertThat(point.gradient()).containsExactly(1, 1, 0, 0, 1, 0);
  }

  @Test
  void clip_withAnInfiniteBound_boundsTheOtherSideOnly() {
    double infinity = Double.POSITIVE_INFINITY;
    OpCheck.Point above = OpCheck.at(x -> Ops.clip(x[0], -infinity, 2), -1e300, 0, 3);
    OpCheck.Point below = OpCheck.at(x -> Ops.clip(x[0], -1, infinity), -3, 0, 1e300);
    OpCheck.Point neither = OpCheck.at(x -> Ops.clip(x[0], -infinity, infinity), -3, 0, 1e300);

    assertThat(above.values()).containsExactly(-1e300, 0, 2);
    assertThat(above.gradient()).containsExactly(1, 1, 0);
    assertThat(below.values()).containsExactly(-1, 0, 1e300);
    assertThat(below.gradient()).containsExactly(0, 1, 1);
    assertThat(neither.values()).containsExactly(-3, 0, 1e300);
    assertThat(neither.gradient()).containsExactly(1, 1, 1);
  }

  @Test
  void reciprocal_nearZero_isLargeAndFinite() {
    OpCheck.Point point = OpCheck.at(x -> Ops.reciprocal(x[0]), 1e-150, -1e-150, 4, 1e200);

    assertThat(point.values())
        .containsExactly(new double[] {1e150, -1e150, 0.25, 1e-200}, within(1e135));
    assertThat(point.gradient()[0]).isCloseTo(-1e300, within(1e286));
    assertThat(point.gradient()[1]).isCloseTo(-1e300, within(1e286));
    assertThat(point.gradient()[2]).isEqualTo(-0.0625);
    assertThat(point.gradient()[3]).isZero();
  }

  @Test
  void logAndSqrt_nearZero_areFinite() {
    OpCheck.Point log = OpCheck.at(x -> Ops.log(x[0]), 1e-300, 1, 1e300);
    OpCheck.Point sqrt = OpCheck.at(x -> Ops.sqrt(x[0]), 1e-300, 1, 1e300);

    assertThat(log.values())
        .containsExactly(new double[] {Math.log(1e-300), 0, Math.log(1e300)}, within(1e-12));
    assertThat(log.gradient()[0]).isCloseTo(1e300, within(1e286));
    assertThat(log.gradient()[2]).isCloseTo(1e-300, within(1e-314));
    assertThat(sqrt.values()).containsExactly(new double[] {1e-150, 1, 1e150}, within(1e136));
    assertThat(sqrt.gradient()[0]).isCloseTo(5e149, within(1e136));
    assertThat(sqrt.gradient()[1]).isEqualTo(0.5);
  }

  @Test
  void masks_atEqualValues_areZero() {
    double[] x = {1, Math.nextUp(1), Math.nextDown(1), -1e300, 1e300};
    OpCheck.Point greater = OpCheck.at(v -> plusZero(v[0], Ops.isGreater(v[0], 1)), x);
    OpCheck.Point less = OpCheck.at(v -> plusZero(v[0], Ops.isLess(v[0], 1)), x);

    assertThat(greater.values()).containsExactly(0, 1, 0, 0, 1);
    assertThat(less.values()).containsExactly(0, 0, 1, 1, 0);
  }

  @Test
  void isGreater_ofTwoArrays_comparesThem() {
    OpCheck.Point greater =
        OpCheck.at(v -> plusZero(v[0], Ops.isGreater(v[0], Ops.multiply(v[0], 2))), 1, 0, -1);

    assertThat(greater.values()).containsExactly(0, 0, 1);
  }

  @Test
  void detached_values_passNoGradient() {
    assertPassesNothing(Ops::stopGradient);
    assertPassesNothing(x -> Ops.isGreater(x, 0));
    assertPassesNothing(x -> Ops.isLess(x, 0));
    assertPassesNothing(x -> Ops.isGreater(x, Ops.negate(x)));
    assertPassesNothing(x -> Ops.detachedMax(Ops.multiply(x, x), 0));
  }

  /** The derivative of x · detached(x) is detached(x) alone. */
  private static void assertPassesNothing(UnaryOperator<SDVariable> detached) {
    double[] values = OpCheck.at(x -> plusZero(x[0], detached.apply(x[0])), 2, -1).values();
    OpCheck.Point product = OpCheck.at(x -> Ops.multiply(x[0], detached.apply(x[0])), 2, -1);

    assertThat(product.gradient()).isEqualTo(values);
  }

  @Test
  void detachedMax_ofEqualValues_isThatValue() {
    OpCheck.Point max = OpCheck.at(x -> plusZero(x[0], Ops.detachedMax(x[0], 0)), 7, -2, 7);

    assertThat(max.values()).containsExactly(7, 7, 7);
  }

  /** SameDiff refuses a graph in which no gradient passes at all. */
  private static SDVariable plusZero(SDVariable x, SDVariable detached) {
    return Ops.add(Ops.multiply(x, 0), detached);
  }
}
