package io.github.p3o.transformer;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Rotary position embedding in Hugging Face's convention: of the n elements that are turned,
 * element i of the first half and element i of the second half are a point in the plane, turned by
 * {@code position · θ^(−2i/n)}, scaled as the model has it. The rest of a head stays as it is.
 */
final class RotaryTables {

  private final int headSize;
  private final int half;
  private final DecoderConfig.Rotary rotary;
  private double[] cosines = new double[0]; // [positions so far, half]
  private double[] sines = new double[0];

  RotaryTables(int headSize, DecoderConfig.Rotary rotary) {
    this.headSize = headSize;
    this.half = rotary.size() / 2;
    this.rotary = rotary;
  }

  /** Computes the tables as far as sequences go, which may be far less than a model allows. */
  private void extend(int positions) {
    if (cosines.length >= positions * half) {
      return;
    }
    cosines = new double[positions * half];
    sines = new double[cosines.length];
    for (int i = 0; i < half; i++) {
      double frequency = rotary.scaling().scaled(Math.pow(rotary.theta(), -1.0 * i / half));
      for (int position = 0; position < positions; position++) {
        cosines[position * half + i] = Math.cos(position * frequency);
        sines[position * half + i] = Math.sin(position * frequency);
      }
    }
  }

  /** How many pairs of elements of a head are turned. */
  int half() {
    return half;
  }

  /** The cosine of each pair {@code [positions · half]}, float32. */
  float[] cosines(int positions) {
    extend(positions);
    return rounded(cosines, positions);
  }

  /** The sine of each pair {@code [positions · half]}, float32. */
  float[] sines(int positions) {
    extend(positions);
    return rounded(sines, positions);
  }

  private float[] rounded(double[] table, int positions) {
    float[] rounded = new float[positions * half];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = (float) table[i];
    }
    return rounded;
  }

  /** The cosine for each element of some heads, {@code [positions · heads · headSize]}. */
  INDArray cosines(DataType type, int positions, int heads, double scale) {
    extend(positions);
    return spread(type, cosines, 1, positions, heads, scale);
  }

  /** The sine for each element of some heads, {@code [positions · heads · headSize]}. */
  INDArray sines(DataType type, int positions, int heads, double scale) {
    extend(positions);
    return spread(type, sines, 0, positions, heads, scale);
  }

  private INDArray spread(
      DataType type, double[] table, double rest, int positions, int heads, double scale) {
    int width = heads * headSize;
    double[] values = new double[positions * width];
    for (int i = 0; i < values.length; i++) {
      int element = i % headSize;
      values[i] = scale * (element < 2 * half ? table[i / width * half + element % half] : rest);
    }
    return NativeArrays.of(type, values, values.length);
  }

  /**
   * The matrix R for which {@code x R} is (−second half, first half) of the elements that are
   * turned, so that the turned head is {@code x cos + (x R) sin}.
   *
   * @return {@code [headSize, headSize]}
   */
  INDArray quarterTurn(DataType type) {
    double[] values = new double[headSize * headSize];
    for (int i = 0; i < half; i++) {
      values[(half + i) * headSize + i] = -1;
      values[i * headSize + half + i] = 1;
    }
    return NativeArrays.of(type, values, headSize, headSize);
  }
}
