package io.github.p3o.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.ToDoubleFunction;

/** Gradients by differences of function values in float64, to check other gradients by. */
public final class FiniteDifferences {

  /** Of the order of the fifth root of float64's precision, where rounding and truncation meet. */
  public static final double STEP = 1e-3;

  private FiniteDifferences() {}

  /**
   * The gradient by five-point central differences, whose error is of order step⁴.
   *
   * @param function of a vector; it must not keep or change the vector
   * @param at where
   * @param step how far to each side, twice that for the outer points
   * @return ∂function/∂at, of the length of {@code at}
   */
  public static double[] gradient(ToDoubleFunction<double[]> function, double[] at, double step) {
    double[] gradient = new double[at.length];
    for (int i = 0; i < at.length; i++) {
      double outer = moved(function, at, i, -2 * step) - moved(function, at, i, 2 * step);
      double inner = moved(function, at, i, step) - moved(function, at, i, -step);
      gradient[i] = (outer + 8 * inner) / (12 * step);
    }
    return gradient;
  }

  private static double moved(
      ToDoubleFunction<double[]> function, double[] at, int index, double by) {
    double[] point = at.clone();
    point[index] += by;
    return function.applyAsDouble(point);
  }

  /**
   * Asserts that a gradient is that of a function.
   *
   * @param what names the gradient in the error
   * @param function of a vector
   * @param at where
   * @param gradient what is claimed
   * @param tolerance of the difference, relative where an element of the gradient is above 1
   */
  public static void assertGradient(
      String what,
      ToDoubleFunction<double[]> function,
      double[] at,
      double[] gradient,
      double tolerance) {
    assertClose(what + " by differences", gradient(function, at, STEP), gradient, tolerance);
  }

  /**
   * Asserts that two vectors agree.
   *
   * @param what names the vectors in the error
   * @param expected the vector that is right
   * @param actual the vector to check
   * @param tolerance of the difference, relative where an expected element is above 1
   */
  public static void assertClose(
      String what, double[] expected, double[] actual, double tolerance) {
    assertThat(actual).as(what).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i])
          .as("%s, element %s", what, i)
          .isCloseTo(expected[i], within(tolerance * Math.max(1, Math.abs(expected[i]))));
    }
  }
}
