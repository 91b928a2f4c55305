package io.github.p3o.transformer;

import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableLongArray;
import java.nio.file.Files;
import java.nio.file.Path;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The named tensors of a checkpoint, in one file or in several. */
interface TensorSource extends AutoCloseable {

  /** The file of a checkpoint that has one. */
  String SINGLE_FILE = "model.safetensors";

  /** The list of files of a checkpoint that has several. */
  String INDEX_FILE = "model.safetensors.index.json";

  /**
   * Opens {@code model.safetensors}, or the files that {@code model.safetensors.index.json} names.
   *
   * @throws CheckpointException if there is neither, or a file breaks a rule of the format
   */
  static TensorSource open(Path directory) {
    Path single = directory.resolve(SINGLE_FILE);
    Path index = directory.resolve(INDEX_FILE);
    if (Files.exists(single)) {
      return SafeTensors.open(single);
    }
    if (!Files.exists(index)) {
      throw CheckpointException.ofMissing(
          directory, SINGLE_FILE + " or " + INDEX_FILE + " in it", "either");
    }
    return ShardedTensors.open(index);
  }

  /** The names of the tensors. */
  ImmutableSet<String> names();

  /**
   * The dimensions of a tensor, outermost first; empty for a scalar.
   *
   * @throws CheckpointException for a name that is not there
   */
  ImmutableLongArray shape(String name);

  /**
   * Reads a tensor.
   *
   * @param type FLOAT, to which a wider tensor is rounded, or DOUBLE
   * @return of {@link #shape}, row-major; the caller's to close
   * @throws CheckpointException for a name that is not there, a type that is not F16, BF16, F32 or
   *     F64, or a file that cannot be read any more
   */
  INDArray read(String name, DataType type);

  /**
   * Reads a tensor part by part, so that it is held nowhere else.
   *
   * @param target of {@link #shape} and type FLOAT or DOUBLE, row-major; all of it is written
   * @throws CheckpointException as {@link #read}
   */
  void readInto(String name, INDArray target);

  /**
   * Refuses a tensor that cannot be used where it lies in its file.
   *
   * @throws CheckpointException for a name that is not there, a type other than F32, a place that
   *     is not aligned, or more than can be mapped at once
   */
  void checkMappable(String name);

  /**
   * A tensor where it lies in its file. It stays when this is closed; its memory is unmapped when
   * the garbage collector finds that nobody has the array, or another of the file.
   *
   * @param name of one that {@link #checkMappable} lets pass
   * @return of {@link #shape}, row-major; only to be read: writing to it ends the process
   * @throws CheckpointException if the file cannot be mapped
   */
  INDArray map(String name);

  /** How the tensors are stored, to store them so again. */
  StoredForm form();

  /** Closes the files; what has been read stays. */
  @Override
  void close();
}
