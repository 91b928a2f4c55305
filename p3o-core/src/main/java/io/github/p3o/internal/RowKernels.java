package io.github.p3o.internal;

import java.util.Arrays;

/**
 * The arithmetic of {@link RowStep} on a block of rows in row-major order: plain loops without
 * branches, one to a method, that the JVM's compiler turns into vector instructions.
 */
final class RowKernels {

  /** What one thread computes with. */
  record Tools(FloatExp exp, RowFolds folds) {
    Tools() {
      this(new FloatExp(), new RowFolds());
    }
  }

  private RowKernels() {}

  /**
   * Computes one value. Operands and result may be the same array.
   *
   * @param a first operand
   * @param b second operand, if there is one
   * @param rows of the block
   * @param columns of the block
   * @param tools this thread's
   */
  static void compute(
      RowValue value, float[] out, float[] a, float[] b, int rows, int columns, Tools tools) {
    int count = value.isColumn() ? rows : rows * columns;
    float number = (float) value.number();
    switch (value.kind()) {
      case ADD, SUBTRACT, MULTIPLY, DIVIDE -> combine(value, out, a, b, rows, columns);
      case ADD_NUMBER -> add(out, a, number, 0, count);
      case MULTIPLY_NUMBER -> multiply(out, a, number, 0, count);
      case SUBTRACT_FROM -> subtractFrom(out, number, a, 0, count);
      case DIVIDE_INTO -> divideInto(out, number, a, 0, count);
      case POWER -> power(out, a, value.number(), count);
      case EXP -> tools.exp().exp(out, a, count);
      case QUARTER_TURN -> QuarterTurn.turn(out, a, rows, columns, (int) value.number());
      case LOG -> log(out, a, count);
      case SQRT -> sqrt(out, a, count);
      case ROW_SUM -> {
        for (int row = 0; row < rows; row++) {
          out[row] = tools.folds().sum(a, row * columns, columns);
        }
      }
      case ROW_MAX -> {
        for (int row = 0; row < rows; row++) {
          out[row] = tools.folds().max(a, row * columns, columns);
        }
      }
      case SPREAD -> {
        for (int row = 0; row < rows; row++) {
          Arrays.fill(out, row * columns, (row + 1) * columns, a[row]);
        }
      }
      default -> throw new IllegalStateException("no operation on rows: " + value.kind());
    }
  }

  /** An operation with two operands, of which one may have a number for each row only. */
  private static void combine(
      RowValue value, float[] out, float[] a, float[] b, int rows, int columns) {
    boolean columnA = value.a().isColumn();
    if (columnA == value.b().isColumn()) {
      int count = columnA ? rows : rows * columns;
      switch (value.kind()) {
        case ADD -> add(out, a, b, count);
        case SUBTRACT -> subtract(out, a, b, count);
        case MULTIPLY -> multiply(out, a, b, count);
        default -> divide(out, a, b, count);
      }
      return;
    }
    float[] full = columnA ? b : a;
    float[] column = columnA ? a : b;
    for (int row = 0; row < rows; row++) {
      int from = row * columns;
      int to = from + columns;
      switch (value.kind()) {
        case ADD -> add(out, full, column[row], from, to);
        case MULTIPLY -> multiply(out, full, column[row], from, to);
        case SUBTRACT -> {
          if (columnA) {
            subtractFrom(out, column[row], full, from, to);
          } else {
            add(out, full, -column[row], from, to);
          }
        }
        default -> {
          if (columnA) {
            divideInto(out, column[row], full, from, to);
          } else {
            divide(out, full, column[row], from, to);
          }
        }
      }
    }
  }

  static void add(float[] out, float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] + b[i];
    }
  }

  static void subtract(float[] out, float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] - b[i];
    }
  }

  static void multiply(float[] out, float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] * b[i];
    }
  }

  static void divide(float[] out, float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = a[i] / b[i];
    }
  }

  static void add(float[] out, float[] a, float b, int from, int to) {
    for (int i = from; i < to; i++) {
      out[i] = a[i] + b;
    }
  }

  static void multiply(float[] out, float[] a, float b, int from, int to) {
    for (int i = from; i < to; i++) {
      out[i] = a[i] * b;
    }
  }

  static void subtractFrom(float[] out, float a, float[] b, int from, int to) {
    for (int i = from; i < to; i++) {
      out[i] = a - b[i];
    }
  }

  /** {@code out = out − a b}. */
  static void subtractProduct(float[] out, float a, float[] b, int from, int to) {
    for (int i = from; i < to; i++) {
      out[i] -= a * b[i];
    }
  }

  static void divide(float[] out, float[] a, float b, int from, int to) {
    for (int i = from; i < to; i++) {
      out[i] = a[i] / b;
    }
  }

  static void divideInto(float[] out, float a, float[] b, int from, int to) {
    for (int i = from; i < to; i++) {
      out[i] = a / b[i];
    }
  }

  static void power(float[] out, float[] a, double exponent, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = (float) Math.pow(a[i], exponent);
    }
  }

  static void log(float[] out, float[] a, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = (float) Math.log(a[i]);
    }
  }

  static void sqrt(float[] out, float[] a, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = (float) Math.sqrt(a[i]);
    }
  }

  /** Eight sums side by side: one alone would wait for each addition, and round worse. */
  static float sum(float[] a, int from, int n) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    float s4 = 0;
    float s5 = 0;
    float s6 = 0;
    float s7 = 0;
    int i = from;
    int end = from + n;
    for (; i + 7 < end; i += 8) {
      s0 += a[i];
      s1 += a[i + 1];
      s2 += a[i + 2];
      s3 += a[i + 3];
      s4 += a[i + 4];
      s5 += a[i + 5];
      s6 += a[i + 6];
      s7 += a[i + 7];
    }
    for (; i < end; i++) {
      s0 += a[i];
    }
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
  }

  /**
   * The greatest number, eight at a time; not a number if one is none. Comparing each with the
   * greatest so far would be a branch that the processor cannot foresee.
   */
  static float max(float[] a, int from, int n) {
    float max = a[from];
    int i = from;
    int end = from + n;
    for (; i + 7 < end; i += 8) {
      float low = Math.max(Math.max(a[i], a[i + 1]), Math.max(a[i + 2], a[i + 3]));
      float high = Math.max(Math.max(a[i + 4], a[i + 5]), Math.max(a[i + 6], a[i + 7]));
      max = Math.max(max, Math.max(low, high));
    }
    for (; i < end; i++) {
      max = Math.max(max, a[i]);
    }
    return max;
  }

  /** Adds each row of a block to {@code total}. */
  static void addRows(float[] total, float[] a, int rows, int columns) {
    for (int row = 0; row < rows; row++) {
      addRow(total, a, row * columns, columns);
    }
  }

  private static void addRow(float[] total, float[] a, int from, int n) {
    for (int i = 0; i < n; i++) {
      total[i] += a[from + i];
    }
  }
}
