package io.github.p3o.spark;

import com.google.common.math.LongMath;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Vectors of parameters and gradients as they travel: float32 or float64, in the order of bytes of
 * all machines that ND4J runs on, little-endian.
 */
final class VectorBytes {

  /** Of one array: far below the 2 GiB that an array can hold. */
  private static final long MAX_SLICE = 1 << 26;

  /** Slices below this are not worth a task. */
  private static final long MIN_SLICE = 1 << 20;

  private VectorBytes() {}

  /** Bytes of a vector. */
  static long size(INDArray vector) {
    return vector.length() * vector.dataType().width();
  }

  /** How many slices of a vector are added up beside each other, if that many tasks can be. */
  static int slices(long bytes, int tasks) {
    long useful = Math.min(tasks, LongMath.divide(bytes, MIN_SLICE, RoundingMode.CEILING));
    long needed = LongMath.divide(bytes, MAX_SLICE, RoundingMode.CEILING);
    return (int) Math.max(useful, needed);
  }

  /** The values of a vector in slices of equal size, up to one. */
  static byte[][] read(INDArray vector, int slices) {
    byte[][] all = new byte[slices][];
    for (int i = 0; i < slices; i++) {
      try (INDArray slice = slice(vector, i, slices).dup()) {
        all[i] = new byte[Math.toIntExact(size(slice))];
        slice.data().asNio().get(all[i]);
      }
    }
    return all;
  }

  /** Overwrites a vector. */
  static void write(byte[][] slices, INDArray vector) {
    for (int i = 0; i < slices.length; i++) {
      try (INDArray values = array(slices[i], vector.dataType())) {
        slice(vector, i, slices.length).assign(values);
      }
    }
  }

  private static INDArray slice(INDArray vector, long index, int slices) {
    long from = vector.length() * index / slices;
    long to = vector.length() * (index + 1) / slices;
    return vector.get(NDArrayIndex.interval(from, to));
  }

  private static INDArray array(byte[] bytes, DataType type) {
    INDArray values = Nd4j.createUninitialized(type, bytes.length / type.width());
    values.data().asNio().put(bytes);
    return values;
  }

  /** The sum of vectors in the order given, in float64, rounded once. */
  static byte[] sum(List<byte[]> vectors, DataType type) {
    byte[] result = new byte[vectors.get(0).length];
    double[] sum = new double[result.length / type.width()];
    for (byte[] vector : vectors) {
      ByteBuffer values = buffer(vector);
      for (int i = 0; i < sum.length; i++) {
        sum[i] += type == DataType.DOUBLE ? values.getDouble() : values.getFloat();
      }
    }
    ByteBuffer rounded = buffer(result);
    for (double value : sum) {
      if (type == DataType.DOUBLE) {
        rounded.putDouble(value);
      } else {
        rounded.putFloat((float) value);
      }
    }
    return result;
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
