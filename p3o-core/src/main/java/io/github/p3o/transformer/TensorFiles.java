package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Named arrays in a safetensors file: the parameters of any model, in the field's format. */
public final class TensorFiles {

  private TensorFiles() {}

  /**
   * Writes a file beside, flushes it and renames it.
   *
   * @param file in an existing directory; one of that name is replaced
   * @param tensors by name, of type FLOAT or DOUBLE
   * @throws IllegalArgumentException for another type
   * @throws CheckpointException if it cannot be written; the file is then as it was
   */
  public static void write(Path file, Map<String, INDArray> tensors) {
    SafeTensorsWriter.write(file, tensors, ImmutableMap.of("format", "pt"));
  }

  /**
   * Reads a file whole.
   *
   * @param file written by {@link #write} or by any other writer of the format
   * @return new arrays by name, DOUBLE for float64 and else FLOAT; the caller closes them
   * @throws CheckpointException if the file cannot be read or breaks a rule of the format
   */
  public static ImmutableMap<String, INDArray> read(Path file) {
    Map<String, INDArray> tensors = new LinkedHashMap<>();
    try (SafeTensors source = SafeTensors.open(file)) {
      for (String name : source.names()) {
        tensors.put(name, source.read(name, source.nearestType(name)));
      }
      return ImmutableMap.copyOf(tensors);
    } catch (RuntimeException | Error e) {
      tensors.values().forEach(INDArray::close);
      throw e;
    }
  }
}
