package io.github.p3o.internal;

/**
 * The arithmetic of {@link PointwiseProgram} on blocks: plain loops without branches, one to a
 * method, that the JVM's compiler turns into vector instructions.
 */
final class LaneKernels {

  /** {@code e^} beyond these is 0 or infinite. */
  private static final double MIN_EXPONENT = -746;

  private static final double MAX_EXPONENT = 710;
  private static final double LOG2_E = 1.4426950408889634;

  /** ln 2 in two parts, of which the first has so few bits that its product with k is exact. */
  private static final double LN2_HIGH = 0.693145751953125;

  private static final double LN2_LOW = 1.4286068203094173e-6;
  private static final double P0 = 1.0;
  private static final double P1 = 0.030299440770744195;
  private static final double P2 = 0.00012617719307481058;
  private static final double Q0 = 2.0;
  private static final double Q1 = 0.22726554820815503;
  private static final double Q2 = 0.002524483403496841;
  private static final double Q3 = 3.0019850513866446e-6;

  private LaneKernels() {}

  /** Computes one expression of operands that are lanes (arrays) or one number. */
  static void compute(
      Expression e, double[] out, double[] a, double[] b, double numberA, double numberB, int n) {
    boolean lanesA = e.a().lanes();
    boolean lanesB = e.hasB() && e.b().lanes();
    switch (e.kind()) {
      case ADD -> {
        if (lanesA && lanesB) {
          add(out, a, b, n);
        } else {
          add(out, lanesA ? a : b, lanesA ? numberB : numberA, n);
        }
      }
      case MULTIPLY -> {
        if (lanesA && lanesB) {
          multiply(out, a, b, n);
        } else {
          multiply(out, lanesA ? a : b, lanesA ? numberB : numberA, n);
        }
      }
      case SUBTRACT -> {
        if (lanesA && lanesB) {
          subtract(out, a, b, n);
        } else if (lanesA) {
          add(out, a, -numberB, n);
        } else {
          subtractFrom(out, numberA, b, n);
        }
      }
      case DIVIDE -> {
        if (lanesA && lanesB) {
          divide(out, a, b, n);
        } else if (lanesA) {
          divide(out, a, numberB, n);
        } else {
          divideInto(out, numberA, b, n);
        }
      }
      case GREATER -> {
        if (lanesA && lanesB) {
          greater(out, a, b, n);
        } else if (lanesA) {
          greater(out, a, numberB, n);
        } else {
          less(out, b, numberA, n);
        }
      }
      case CLIP -> clip(out, a, e.low(), e.high(), n);
      case EXP -> exp(out, a, n);
      case LOG -> log(out, a, n);
      case POWER -> power(out, a, e.low(), n);
      default -> throw new IllegalStateException("no operation on lanes: " + e.kind());
    }
  }

  static void add(double[] out, double[] a, double[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] + b[i];
    }
  }

  static void add(double[] out, double[] a, double b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] + b;
    }
  }

  static void multiply(double[] out, double[] a, double[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] * b[i];
    }
  }

  static void multiply(double[] out, double[] a, double b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] * b;
    }
  }

  static void subtract(double[] out, double[] a, double[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] - b[i];
    }
  }

  static void subtractFrom(double[] out, double a, double[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a - b[i];
    }
  }

  static void divide(double[] out, double[] a, double[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] / b[i];
    }
  }

  static void divide(double[] out, double[] a, double b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] / b;
    }
  }

  static void divideInto(double[] out, double a, double[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a / b[i];
    }
  }

  static void greater(double[] out, double[] a, double[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = isNegative(b[i] - a[i]);
    }
  }

  static void greater(double[] out, double[] a, double b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = isNegative(b - a[i]);
    }
  }

  static void less(double[] out, double[] a, double b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = isNegative(a[i] - b);
    }
  }

  /**
   * 1 for a number below 0, else 0. The sign bit, because a branch that half of the lanes take
   * costs ten times as much; adding 0 turns −0 into 0. A difference of two unequal numbers is never
   * 0, so that the sign of b − a tells a > b exactly.
   */
  private static double isNegative(double x) {
    return Double.doubleToRawLongBits(x + 0.0) >>> 63;
  }

  static void clip(double[] out, double[] a, double low, double high, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = Math.min(Math.max(a[i], low), high);
    }
  }

  /**
   * {@code eᵃ} to 2 units in the last place, in a third of the time of {@link Math#exp}, which is
   * not turned into vector instructions. {@code a = k ln 2 + r}, and {@code eʳ = 1 + 2 r P(r²) /
   * (Q(r²) − r P(r²))} for |r| ≤ ½ ln 2 (W. J. Cody and W. Waite, Software Manual for the
   * Elementary Functions, 1980).
   *
   * @param out must not be {@code a}
   */
  static void exp(double[] out, double[] a, int n) {
    for (int i = 0; i < n; i++) {
      double x = Math.min(Math.max(a[i], MIN_EXPONENT), MAX_EXPONENT);
      double k = Math.rint(x * LOG2_E);
      double r = x - k * LN2_HIGH - k * LN2_LOW;
      double s = r * r;
      double p = r * ((P2 * s + P1) * s + P0);
      double q = ((Q3 * s + Q2) * s + Q1) * s + Q0;
      out[i] = 1 + 2 * (p / (q - p));
    }
    for (int i = 0; i < n; i++) { // apart, since the bits of a number stop the vectors
      double x = Math.min(Math.max(a[i], MIN_EXPONENT), MAX_EXPONENT);
      long k = (long) Math.rint(x * LOG2_E);
      long half = k >> 1; // in two steps, for results near 0 or beyond the largest number
      out[i] = out[i] * powerOfTwo(half) * powerOfTwo(k - half);
    }
  }

  private static double powerOfTwo(long k) {
    return Double.longBitsToDouble((k + 1023) << 52);
  }

  static void log(double[] out, double[] a, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = Math.log(a[i]);
    }
  }

  static void power(double[] out, double[] a, double exponent, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = Math.pow(a[i], exponent);
    }
  }

  static double sum(double[] a, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += a[i];
    }
    return sum;
  }
}
