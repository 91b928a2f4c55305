package io.github.p3o.transformer;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Native arrays from Java's. */
final class NativeArrays {

  private NativeArrays() {}

  /** An array of type FLOAT or DOUBLE, row-major. */
  static INDArray of(DataType type, double[] values, long... shape) {
    if (type == DataType.DOUBLE) {
      return Nd4j.create(values, shape, 'c');
    }
    float[] rounded = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      rounded[i] = (float) values[i];
    }
    return Nd4j.create(rounded, shape, 'c');
  }
}
