package io.github.p3o.internal;

/**
 * The arithmetic of {@link PointwiseProgram} on blocks: plain loops without branches, one to a
 * method, that the JVM's compiler turns into vector instructions.
 */
final class LaneKernels {

  /**
   * Times this, twice, every number that is not 0 is beyond 1 or −1: a comparison in arithmetic,
   * for which there are vector instructions. The difference of two unequal numbers is never 0, so
   * that the sign of a − b tells a > b exactly.
   */
  private static final double LARGE = 0x1p600;

  /** Partial results of a reduction that are kept side by side. */
  static final int PARTS = 64;

  /** Lanes that are computed at a time: some tens of values of each fit into the cache. */
  static final int BLOCK = 4 * PARTS;

  private LaneKernels() {}

  private static boolean isBounded(Expression e) {
    return e.kind() == Expression.Kind.CLIP
        && e.low() >= -DoubleExp.BOUND
        && e.high() <= DoubleExp.BOUND;
  }

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
      case NONZERO -> nonzero(out, a, n);
      case CLIP -> clip(out, a, e.low(), e.high(), n);
      case EXP -> {
        if (isBounded(e.a())) {
          exp.ofBounded(out, a, n);
        } else {
          exp.exp(out, a, n);
        }
      }
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
      out[i] = isPositive(a[i] - b[i]);
    }
  }

  static void greater(double[] out, double[] a, double b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = isPositive(a[i] - b);
    }
  }

  static void less(double[] out, double[] a, double b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = isPositive(b - a[i]);
    }
  }

  /** 1 for a number above 0, else 0. */
  private static double isPositive(double x) {
    return Math.min(Math.max(x * LARGE * LARGE, 0.0), 1.0);
  }

  static void nonzero(double[] out, double[] a, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = Math.min(Math.abs(a[i]) * LARGE * LARGE, 1.0);
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

  /** Reduces the parts to one. */
  static double reduce(Expression.Kind reduction, double[] parts) {
    double result = none(reduction);
    for (int i = 0; i < PARTS; i++) {
      result = reduce(reduction, result, parts[i]);
    }
    return result;
  }

  /**
   * Takes a block into the parts of a reduction: side by side, since one after the other would wait
   * for each other, and sums round worse.
   */
  static void reduce(Expression.Kind reduction, double[] parts, double[] block) {
    switch (reduction) {
      case SUM -> sum(parts, block);
      case LEAST -> least(parts, block);
      case GREATEST -> greatest(parts, block);
      default -> throw new IllegalStateException("no reduction: " + reduction);
    }
  }

  private static void sum(double[] parts, double[] a) {
    for (int i = 0; i < PARTS; i++) {
      parts[i] += (a[i] + a[i + PARTS]) + (a[i + 2 * PARTS] + a[i + 3 * PARTS]);
    }
  }

  private static void least(double[] parts, double[] a) {
    for (int i = 0; i < PARTS; i++) {
      double first = Math.min(a[i], a[i + PARTS]);
      double second = Math.min(a[i + 2 * PARTS], a[i + 3 * PARTS]);
      parts[i] = Math.min(parts[i], Math.min(first, second));
    }
  }

  private static void greatest(double[] parts, double[] a) {
    for (int i = 0; i < PARTS; i++) {
      double first = Math.max(a[i], a[i + PARTS]);
      double second = Math.max(a[i + 2 * PARTS], a[i + 3 * PARTS]);
      parts[i] = Math.max(parts[i], Math.max(first, second));
    }
  }
}
