package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.math.LongMath;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.concurrency.AffinityManager.Location;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Vectors of parameters and gradients as they travel: float32 or float64, in the order of bytes of
 * all machines that ND4J runs on, little-endian.
 */
final class VectorBytes {

  /** Of one array: far below the 2 GiB that an array can hold. */
  private static final long MAX_SLICE = 1 << 26;

  /** Slices below this are not worth a task. */
  private static final long MIN_SLICE = 1 << 20;

  /** Numbers that stay in a processor's cache meanwhile. */
  private static final int SUMMED_AT_ONCE = 1 << 12;

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

  /** The values of a dense vector in slices of equal size, up to one. */
  static byte[][] read(INDArray vector, int slices) {
    Nd4j.getAffinityManager().ensureLocation(vector, Location.HOST);
    byte[][] all = new byte[slices][];
    for (int i = 0; i < slices; i++) {
      all[i] = new byte[Math.toIntExact(start(vector, i + 1, slices) - start(vector, i, slices))];
      memory(vector, start(vector, i, slices)).get(all[i]);
    }
    return all;
  }

  /** Overwrites a dense vector. */
  static void write(byte[][] slices, INDArray vector) {
    Nd4j.getAffinityManager().ensureLocation(vector, Location.HOST);
    for (int i = 0; i < slices.length; i++) {
      long from = start(vector, i, slices.length);
      long to = start(vector, i + 1, slices.length);
      checkArgument(
          slices[i].length == to - from,
          "slices[%s]: expected %s bytes, got %s",
          i,
          to - from,
          slices[i].length);
      memory(vector, from).put(slices[i]);
    }
    Nd4j.getAffinityManager().tagLocation(vector, Location.HOST);
  }

  /** In bytes. */
  private static long start(INDArray vector, long slice, int slices) {
    return vector.length() * slice / slices * vector.dataType().width();
  }

  /** A vector where it lies: copies of it would take as long as all else here. */
  private static BytePointer memory(INDArray vector, long from) {
    checkArgument(
        vector.elementWiseStride() == 1,
        "vector: expected values side by side, got a stride of %s",
        vector.elementWiseStride());
    return new BytePointer(vector.data().addressPointer()).position(from);
  }

  /** The sum of vectors in the order given, in float64, rounded once. */
  static byte[] sum(List<byte[]> vectors, DataType type) {
    byte[] first = vectors.get(0);
    if (vectors.size() == 1) {
      return first;
    }
    byte[] result = new byte[first.length];
    double[] sum = new double[SUMMED_AT_ONCE];
    int bytes = sum.length * type.width();
    for (int from = 0; from < result.length; from += bytes) {
      int length = Math.min(bytes, result.length - from);
      Arrays.fill(sum, 0);
      for (byte[] vector : vectors) {
        add(buffer(vector, from, length), type, sum);
      }
      round(sum, buffer(result, from, length), type);
    }
    return result;
  }

  private static void add(ByteBuffer values, DataType type, double[] sum) {
    if (type == DataType.DOUBLE) {
      DoubleBuffer wide = values.asDoubleBuffer();
      for (int i = 0; i < wide.limit(); i++) {
        sum[i] += wide.get(i);
      }
    } else {
      FloatBuffer narrow = values.asFloatBuffer();
      for (int i = 0; i < narrow.limit(); i++) {
        sum[i] += narrow.get(i);
      }
    }
  }

  private static void round(double[] sum, ByteBuffer result, DataType type) {
    if (type == DataType.DOUBLE) {
      result.asDoubleBuffer().put(sum, 0, result.remaining() / type.width());
    } else {
      FloatBuffer narrow = result.asFloatBuffer();
      for (int i = 0; i < narrow.limit(); i++) {
        narrow.put(i, (float) sum[i]);
      }
    }
  }

  private static ByteBuffer buffer(byte[] bytes, int from, int length) {
    return ByteBuffer.wrap(bytes, from, length).slice().order(ByteOrder.LITTLE_ENDIAN);
  }
}
