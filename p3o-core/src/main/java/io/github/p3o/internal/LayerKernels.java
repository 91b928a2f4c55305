package io.github.p3o.internal;

/**
 * What a decoder does to rows between its matrix products, in place or from one array to another:
 * plain loops as in {@link RowKernels}. Not for use by several threads at once.
 */
public final class LayerKernels {

  /** Beyond this erf is ±1 in float32. */
  private static final float ERF_BOUND = 4;

  private static final float SQRT_HALF = 0.70710677f;

  /** {@code 2 √(2/π)}, since {@code (1 + tanh z) / 2 = σ(2 z)}. */
  private static final float TANH_SLOPE = 1.595769f;

  private final FloatExp exp = new FloatExp();
  private float[] spare = {};

  private float[] spare(int length) {
    if (spare.length < length) {
      spare = new float[length];
    }
    return spare;
  }

  /** Adds one row to each of others, that begin at {@code at}. */
  public static void addToRows(float[] x, int at, float[] row, int rows) {
    for (int i = 0; i < rows; i++) {
      add(x, at + i * row.length, row, 0, row.length);
    }
  }

  /** Adds elements to others. */
  public static void add(float[] x, int at, float[] y, int from, int n) {
    for (int i = 0; i < n; i++) {
      x[at + i] += y[from + i];
    }
  }

  /** {@code x ← factor · x}. */
  public static void multiply(float[] x, int at, float factor, int n) {
    RowKernels.multiply(x, x, factor, at, at + n);
  }

  /** {@code out ← weight · x / √(mean x² + ε)}. */
  public void rootMeanSquareNorm(
      float[] out, int at, float[] x, int from, float[] weight, float epsilon) {
    int n = weight.length;
    float[] squares = spare(n);
    multiply(squares, 0, x, from, x, from, n);
    float scale = (float) (1 / Math.sqrt(RowKernels.sum(squares, 0, n) / n + epsilon));
    scale(out, at, x, from, weight, scale);
  }

  /** {@code out ← weight · c / √(mean c² + ε) + bias}, with {@code c = x − mean x}. */
  public void layerNorm(
      float[] out, int at, float[] x, int from, float[] weight, float[] bias, float epsilon) {
    int n = weight.length;
    float[] centred = spare(n);
    float mean = RowKernels.sum(x, from, n) / n;
    subtract(centred, x, from, mean, n);
    multiply(out, at, centred, 0, centred, 0, n);
    float scale = (float) (1 / Math.sqrt(RowKernels.sum(out, at, n) / n + epsilon));
    scale(out, at, centred, 0, weight, scale);
    add(out, at, bias, 0, n);
  }

  private static void subtract(float[] out, float[] x, int from, float number, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = x[from + i] - number;
    }
  }

  private static void multiply(
      float[] out, int at, float[] x, int from, float[] y, int fromY, int n) {
    for (int i = 0; i < n; i++) {
      out[at + i] = x[from + i] * y[fromY + i];
    }
  }

  private static void scale(float[] out, int at, float[] x, int from, float[] weight, float scale) {
    for (int i = 0; i < weight.length; i++) {
      out[at + i] = x[from + i] * scale * weight[i];
    }
  }

  /**
   * Turns a head by its position: of its first elements the first and the second half are points in
   * the plane.
   *
   * @param cosines of the angles, from {@code position · half} on
   * @param sines likewise
   */
  public static void turn(
      float[] x, int at, float[] cosines, float[] sines, int position, int half) {
    int angle = position * half;
    for (int i = 0; i < half; i++) {
      float a = x[at + i];
      float b = x[at + half + i];
      x[at + i] = a * cosines[angle + i] - b * sines[angle + i];
      x[at + half + i] = b * cosines[angle + i] + a * sines[angle + i];
    }
  }

  /** {@code x ← x σ(x)}. */
  public void silu(float[] x, int n) {
    float[] e = spare(n);
    negate(e, x, n);
    exp.exp(e, e, n);
    multiplyBySigmoid(x, e, n);
  }

  /** {@code x ← x σ(k x + 0.044715 k x³)}, k = 2 √(2/π). */
  public void geluTanh(float[] x, int n) {
    float[] e = spare(n);
    minusTanhArgument(e, x, n);
    exp.exp(e, e, n);
    multiplyBySigmoid(x, e, n);
  }

  private static void negate(float[] out, float[] x, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = -x[i];
    }
  }

  private static void minusTanhArgument(float[] out, float[] x, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = -TANH_SLOPE * x[i] * (1 + 0.044715f * x[i] * x[i]);
    }
  }

  private static void multiplyBySigmoid(float[] x, float[] expOfMinus, int n) {
    for (int i = 0; i < n; i++) {
      x[i] = x[i] / (1 + expOfMinus[i]);
    }
  }

  /** {@code x ← x (1 + erf(x / √2)) / 2}. */
  public void gelu(float[] x, int n) {
    float[] e = spare(n);
    erf(e, x, SQRT_HALF, n);
    multiplyByHalfOfOneMore(x, e, n);
  }

  private static void multiplyByHalfOfOneMore(float[] x, float[] erf, int n) {
    for (int i = 0; i < n; i++) {
      x[i] = 0.5f * x[i] * (1 + erf[i]);
    }
  }

  /**
   * {@code out ← erf(factor · x)}, off by less than 5e-7: the rational function in x² of Eigen's
   * {@code generic_fast_erf_float}.
   */
  static void erf(float[] out, float[] x, float factor, int n) {
    for (int i = 0; i < n; i++) {
      float z = Math.max(Math.min(factor * x[i], ERF_BOUND), -ERF_BOUND);
      float s = z * z;
      float p = -2.7261424e-10f;
      p = p * s + 2.7706815e-8f;
      p = p * s - 2.101024e-6f;
      p = p * s - 5.6925062e-5f;
      p = p * s - 7.3499064e-4f;
      p = p * s - 0.0029546f;
      p = p * s - 0.016096033f;
      float q = -1.45660715e-5f;
      q = q * s - 2.1337405e-4f;
      q = q * s - 0.001682827f;
      q = q * s - 0.0073733293f;
      q = q * s - 0.014264739f;
      out[i] = z * p / q;
    }
  }

  /** {@code x ← x · y}. */
  public static void multiply(float[] x, float[] y, int n) {
    RowKernels.multiply(x, x, y, n);
  }
}
