package io.github.p3o.transformer;

import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.indexer.FloatIndexer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Native arrays from Java's, and over memory that is there. */
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

  /**
   * An array over memory that something else owns: closing it frees nothing. It keeps the buffer
   * from being collected.
   *
   * @param values all elements, row-major, in a direct buffer
   */
  static INDArray over(FloatBuffer values, long... shape) {
    FloatPointer first = new FloatPointer(values);
    return Nd4j.create(
        Nd4j.createBuffer(first, DataType.FLOAT, values.remaining(), FloatIndexer.create(first)),
        shape,
        Nd4j.getStrides(shape, 'c'),
        0,
        'c');
  }
}
