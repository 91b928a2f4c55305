package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How a checkpoint was stored.
 *
 * @param types of its tensors, by name
 * @param files that its tensors are in, by tensor; empty for the single file
 * @param metadata notes of each file, by file
 */
record StoredForm(
    ImmutableMap<String, TensorType> types,
    ImmutableMap<String, String> files,
    ImmutableMap<String, ImmutableMap<String, String>> metadata) {

  /** What readers in Python expect of a file. */
  static final ImmutableMap<String, String> NOTES = ImmutableMap.of("format", "pt");

  /** Of a model that was not read: one file, the types that arrays have. */
  static final StoredForm NEW =
      new StoredForm(ImmutableMap.of(), ImmutableMap.of(), ImmutableMap.of());

  /** The type to write a tensor in. */
  TensorType type(String name, INDArray array, Precision precision) {
    TensorType own = TensorType.of(array.dataType());
    if (precision == Precision.FLOAT32) {
      return TensorType.F32;
    }
    TensorType stored = types.getOrDefault(name, own);
    // What was rounded when it was read does not get wider again.
    return stored == TensorType.F64 && array.dataType() == DataType.FLOAT ? own : stored;
  }

  /** The types to write tensors in. */
  ImmutableMap<String, TensorType> types(Map<String, INDArray> arrays, Precision precision) {
    ImmutableMap.Builder<String, TensorType> result = ImmutableMap.builder();
    arrays.forEach((name, array) -> result.put(name, type(name, array, precision)));
    return result.buildOrThrow();
  }

  boolean isSharded() {
    return !files.isEmpty();
  }

  /** The file to write a tensor to; one that was not there goes to the last file. */
  String file(String name) {
    return isSharded()
        ? files.getOrDefault(name, files.values().asList().get(files.size() - 1))
        : TensorSource.SINGLE_FILE;
  }

  ImmutableMap<String, String> metadata(String file) {
    return metadata.getOrDefault(file, NOTES);
  }
}
