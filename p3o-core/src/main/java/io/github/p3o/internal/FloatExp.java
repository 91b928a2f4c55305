package io.github.p3o.internal;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * eˣ of many float32 numbers, within 2 units in the last place, ten times as fast as {@link
 * Math#exp}; below 2⁻¹²⁵·√½, where numbers lose their last places, 0. With k = round(x / ln 2) and
 * r = x − k ln 2, eˣ = 2ᵏ eʳ; eʳ is Cephes' polynomial (expf.c). Every loop becomes vector
 * instructions; the compiler has none for reading a float's bits as an int, so that these pass
 * through a buffer. Not for use by several threads at once.
 */
final class FloatExp {

  /** The arrays of a block stay in the first-level cache. */
  private static final int BLOCK = 2048;

  private static final float LOG2_E = 1.442695f;

  /** ln 2 in two parts; the first has so few bits that its product with k is exact. */
  private static final float LN2_HIGH = 355f / 512f;

  private static final float LN2_LOW = -2.12194440e-4f;

  /** 1.5 · 2²³: added to a small number it leaves its nearest integer in the lowest bits. */
  private static final float ROUND = 12582912f;

  /** From here on the result is infinite. */
  private static final float MAX = 89f;

  /** Here k is −126, and the result 0. */
  private static final float MIN = -87f;

  private final ByteBuffer bytes =
      ByteBuffer.allocateDirect(BLOCK * Float.BYTES).order(ByteOrder.nativeOrder());
  private final FloatBuffer floats = bytes.asFloatBuffer();
  private final IntBuffer ints = bytes.asIntBuffer();
  private final float[] x = new float[BLOCK];
  private final float[] rounded = new float[BLOCK];
  private final int[] bits = new int[BLOCK];

  /** Computes {@code count} numbers; both may be the same array. */
  void exp(float[] out, float[] a, int count) {
    for (int from = 0; from < count; from += BLOCK) {
      int n = Math.min(BLOCK, count - from);
      System.arraycopy(a, from, x, 0, n); // the loops stay scalar unless all indices agree
      round(rounded, x, n);
      polynomial(x, rounded, n);
      floats.put(0, rounded, 0, n);
      ints.get(0, bits, 0, n);
      exponents(bits, n);
      ints.put(0, bits, 0, n);
      floats.get(0, rounded, 0, n);
      RowKernels.multiply(x, x, rounded, n);
      System.arraycopy(x, 0, out, from, n);
    }
  }

  /** Bounds x, and rounds x / ln 2. */
  private static void round(float[] rounded, float[] x, int n) {
    for (int i = 0; i < n; i++) {
      float bounded = Math.max(Math.min(x[i], MAX), MIN);
      x[i] = bounded;
      rounded[i] = bounded * LOG2_E + ROUND;
    }
  }

  /** 2 eʳ in place of x: 2ᵏ for k = 128 would be no number, while 2ᵏ⁻¹ is. */
  private static void polynomial(float[] x, float[] rounded, int n) {
    for (int i = 0; i < n; i++) {
      float k = rounded[i] - ROUND;
      float r = x[i] - k * LN2_HIGH - k * LN2_LOW;
      float p = 2 * 1.9875691e-4f;
      p = p * r + 2 * 1.3981999e-3f;
      p = p * r + 2 * 8.333452e-3f;
      p = p * r + 2 * 4.1665796e-2f;
      p = p * r + 2 * 1.6666666e-1f;
      p = p * r + 2 * 5e-1f;
      x[i] = p * (r * r) + 2 * r + 2f;
    }
  }

  /**
   * The bits of 2ᵏ⁻¹, and of 0 for k = −126. What {@link #ROUND} has above the lowest nine bits
   * leaves an int by the shift.
   */
  private static void exponents(int[] bits, int n) {
    for (int i = 0; i < n; i++) {
      bits[i] = (bits[i] + 126) << 23;
    }
  }
}
