package io.github.p3o.internal;

/**
 * Sums and greatest elements of long rows. The JVM's compiler has no good vector instructions for
 * them, but for arrays that are joined element by element: a row is folded into a quarter of its
 * length until it is short. Not for use by several threads at once.
 */
final class RowFolds {

  /** Below this length a fold costs more than it saves. */
  private static final int SHORT = 512;

  private float[] first = {};
  private float[] second = {};
  private float[] third = {};
  private float[] fourth = {};

  /** The sum of {@code n} elements. */
  float sum(float[] a, int from, int n) {
    float rest = 0;
    float[] row = a;
    int begin = from;
    int length = n;
    while (length >= SHORT) {
      int quarter = length / 4;
      rest += RowKernels.sum(row, begin + 4 * quarter, length - 4 * quarter);
      split(row, begin, quarter, begin + 3 * quarter);
      addFour(first, second, third, fourth, quarter);
      row = first;
      begin = 0;
      length = quarter;
    }
    return RowKernels.sum(row, begin, length) + rest;
  }

  /** The greatest of {@code n} elements, at least one; not a number if one is none. */
  float max(float[] a, int from, int n) {
    float[] row = a;
    int begin = from;
    int length = n;
    while (length >= SHORT) {
      int quarter = (length + 3) / 4;
      split(row, begin, quarter, begin + length - quarter); // the last overlaps the third
      maxOfFour(first, second, third, fourth, quarter);
      row = first;
      begin = 0;
      length = quarter;
    }
    return RowKernels.max(row, begin, length);
  }

  private void split(float[] row, int begin, int quarter, int last) {
    if (second.length < quarter) {
      first = new float[quarter];
      second = new float[quarter];
      third = new float[quarter];
      fourth = new float[quarter];
    }
    System.arraycopy(row, begin + quarter, second, 0, quarter);
    System.arraycopy(row, begin + 2 * quarter, third, 0, quarter);
    System.arraycopy(row, last, fourth, 0, quarter);
    System.arraycopy(row, begin, first, 0, quarter); // at last: the row may be this one
  }

  private static void addFour(float[] a, float[] b, float[] c, float[] d, int n) {
    for (int i = 0; i < n; i++) {
      a[i] = (a[i] + b[i]) + (c[i] + d[i]);
    }
  }

  private static void maxOfFour(float[] a, float[] b, float[] c, float[] d, int n) {
    for (int i = 0; i < n; i++) {
      a[i] = Math.max(Math.max(a[i], b[i]), Math.max(c[i], d[i]));
    }
  }
}
