package io.github.p3o.transformer;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Rotary position embedding in Hugging Face's convention: element i of a head's first half and
 * element i of its second half are a point in the plane, turned by {@code position · θ^(−2i/d)}.
 */
final class RotaryTables {

  private final int headSize;
  private final double[] cosines; // [positions, headSize / 2]
  private final double[] sines;

  RotaryTables(LlamaConfig config) {
    headSize = config.headSize();
    int half = headSize / 2;
    cosines = new double[config.maxPositions() * half];
    sines = new double[cosines.length];
    for (int position = 0; position < config.maxPositions(); position++) {
      for (int i = 0; i < half; i++) {
        double angle = position * Math.pow(config.ropeTheta(), -2.0 * i / headSize);
        cosines[position * half + i] = Math.cos(angle);
        sines[position * half + i] = Math.sin(angle);
      }
    }
  }

  /** The cosine for each element of some heads, {@code [positions · heads · headSize]}. */
  INDArray cosines(DataType type, int positions, int heads, double scale) {
    return spread(type, cosines, positions, heads, scale);
  }

  /** The sine for each element of some heads, {@code [positions · heads · headSize]}. */
  INDArray sines(DataType type, int positions, int heads, double scale) {
    return spread(type, sines, positions, heads, scale);
  }

  private INDArray spread(DataType type, double[] table, int positions, int heads, double scale) {
    int half = headSize / 2;
    int width = heads * headSize;
    double[] values = new double[positions * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = scale * table[i / width * half + i % half];
    }
    return NativeArrays.of(type, values, values.length);
  }

  /**
   * The matrix R for which {@code x R} is (−second half, first half) of a head's elements, so that
   * the turned head is {@code x cos + (x R) sin}.
   *
   * @return {@code [headSize, headSize]}
   */
  INDArray quarterTurn(DataType type) {
    int half = headSize / 2;
    double[] values = new double[headSize * headSize];
    for (int i = 0; i < half; i++) {
      values[(half + i) * headSize + i] = -1;
      values[i * headSize + half + i] = 1;
    }
    return NativeArrays.of(type, values, headSize, headSize);
  }
}
