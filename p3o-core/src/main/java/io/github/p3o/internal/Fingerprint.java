package io.github.p3o.internal;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.GraphModel;
import io.github.p3o.Parameters;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Tells parameters, or texts, apart by a few digits. */
@SuppressWarnings("UnstableApiUsage") // Guava's hashing is long stable in fact
public final class Fingerprint {

  /** Elements that are copied at once. */
  private static final long CHUNK = 1 << 20;

  private Fingerprint() {}

  /** The same for the same bits of the same type, of what is trained and of what is frozen. */
  public static String of(GraphModel model) {
    Hasher hasher = Hashing.murmur3_128().newHasher();
    Parameters parameters = model.parameters();
    parameters.asMap().values().forEach(array -> add(array, hasher));
    addFrozen(model, hasher);
    return parameters.dataType() + "[" + parameters.count() + "]:" + hasher.hash();
  }

  /** The same for the same bits of what is frozen, whatever the trained parameters are. */
  public static String ofFrozen(GraphModel model) {
    Hasher hasher = Hashing.murmur3_128().newHasher();
    addFrozen(model, hasher);
    long length = model.frozenParameters().values().stream().mapToLong(INDArray::length).sum();
    return "[" + length + "]:" + hasher.hash();
  }

  private static void addFrozen(GraphModel model, Hasher hasher) {
    new TreeMap<>(model.frozenParameters()).values().forEach(array -> add(array, hasher));
  }

  private static void add(INDArray array, Hasher hasher) {
    INDArray vector = array.reshape(array.length());
    for (long from = 0; from < vector.length(); from += CHUNK) {
      long to = Math.min(from + CHUNK, vector.length());
      try (INDArray chunk = vector.get(NDArrayIndex.interval(from, to)).dup()) {
        addValues(chunk, hasher);
      }
    }
  }

  /** The same for the same token ids in the same order. */
  public static String of(Stream<ImmutableIntArray> tokens) {
    Hasher hasher = Hashing.murmur3_128().newHasher();
    tokens.forEach(
        ids -> {
          hasher.putInt(ids.length());
          ids.forEach(hasher::putInt);
        });
    return hasher.hash().toString();
  }

  private static void addValues(INDArray chunk, Hasher hasher) {
    if (chunk.dataType() == DataType.DOUBLE) {
      for (double value : chunk.data().asDouble()) {
        hasher.putLong(Double.doubleToLongBits(value));
      }
    } else {
      for (float value : chunk.data().asFloat()) {
        hasher.putInt(Float.floatToIntBits(value));
      }
    }
  }
}
