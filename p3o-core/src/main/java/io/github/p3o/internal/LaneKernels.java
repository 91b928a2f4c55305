package io.github.p3o.internal;

/**
 * The arithmetic of {@link PointwiseProgram} on blocks: plain loops without branches, one to a
 * method, that the JVM's compiler turns into vector instructions.
 */
final class LaneKernels {

  private LaneKernels() {}

  /**
   * Computes one expression of operands that are lanes or one number.
   *
   * @param numbers the operands that are one number
   */
  static void compute(
      LaneCode.Instruction instruction,
      double[][] registers,
      double[] numbers,
      int n,
      DoubleExp exp) {
    Expression e = instruction.expression();
    boolean lanesA = instruction.a() >= 0;
    boolean lanesB = instruction.b() >= 0;
    double[] out = registers[instruction.out()];
    double[] a = registers[Math.max(instruction.a(), 0)];
    double[] b = registers[Math.max(instruction.b(), 0)];
    double numberA = lanesA ? 0 : numbers[-1 - instruction.a()];
    double numberB = lanesB ? 0 : numbers[-1 - instruction.b()];
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
      case OUTSIDE -> outside(out, a, e.low(), e.high(), n);
      case CLIP -> clip(out, a, e.low(), e.high(), n);
      case EXP -> exp.exp(out, a, n);
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
  static double isNegative(double x) {
    return Double.doubleToRawLongBits(x + 0.0) >>> 63;
  }

  /** As {@link #isNegative} of both differences, at the price of one. */
  static void outside(double[] out, double[] a, double low, double high, int n) {
    for (int i = 0; i < n; i++) {
      long below = Double.doubleToRawLongBits(a[i] - low + 0.0);
      long above = Double.doubleToRawLongBits(high - a[i] + 0.0);
      out[i] = (below | above) >>> 63;
    }
  }

  static void clip(double[] out, double[] a, double low, double high, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = Math.min(Math.max(a[i], low), high);
    }
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

  /** What a reduction of no lanes gives. */
  static double none(Expression.Kind reduction) {
    return switch (reduction) {
      case SUM -> 0;
      case LEAST -> Double.POSITIVE_INFINITY;
      case GREATEST -> Double.NEGATIVE_INFINITY;
      default -> throw new IllegalStateException("no reduction: " + reduction);
    };
  }

  /** Reduces two numbers. */
  static double reduce(Expression.Kind reduction, double a, double b) {
    return switch (reduction) {
      case SUM -> a + b;
      case LEAST -> Math.min(a, b);
      case GREATEST -> Math.max(a, b);
      default -> throw new IllegalStateException("no reduction: " + reduction);
    };
  }

  /** Reduces n ≥ 1 lanes. */
  static double reduce(Expression.Kind reduction, double[] a, int n) {
    return switch (reduction) {
      case SUM -> sum(a, n);
      case LEAST -> least(a, n);
      case GREATEST -> greatest(a, n);
      default -> throw new IllegalStateException("no reduction: " + reduction);
    };
  }

  /** Eight sums side by side: one alone would wait for each addition, and round worse. */
  private static double sum(double[] a, int n) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    double s4 = 0;
    double s5 = 0;
    double s6 = 0;
    double s7 = 0;
    int i = 0;
    for (; i + 7 < n; i += 8) {
      s0 += a[i];
      s1 += a[i + 1];
      s2 += a[i + 2];
      s3 += a[i + 3];
      s4 += a[i + 4];
      s5 += a[i + 5];
      s6 += a[i + 6];
      s7 += a[i + 7];
    }
    for (; i < n; i++) {
      s0 += a[i];
    }
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
  }

  private static double least(double[] a, int n) {
    double least = a[0];
    for (int i = 1; i < n; i++) { // Math.min and Math.max take twice as long
      least = a[i] < least ? a[i] : least;
    }
    return least;
  }

  private static double greatest(double[] a, int n) {
    double greatest = a[0];
    for (int i = 1; i < n; i++) {
      greatest = a[i] > greatest ? a[i] : greatest;
    }
    return greatest;
  }
}
