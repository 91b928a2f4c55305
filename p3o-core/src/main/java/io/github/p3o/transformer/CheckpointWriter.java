package io.github.p3o.transformer;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Writes tensors in the files that they were read from, and the index of several. */
final class CheckpointWriter {

  /** As Python's {@code json.dumps(index, indent=2)}, which Hugging Face writes it with. */
  private static final DefaultPrettyPrinter LAYOUT =
      new DefaultPrettyPrinter(
              Separators.createDefaultInstance()
                  .withObjectFieldValueSpacing(Separators.Spacing.AFTER))
          .withObjectIndenter(new DefaultIndenter("  ", "\n"));

  private CheckpointWriter() {}

  /** Files of these names are replaced; a single file beside several would be read first. */
  static void write(
      Path directory, Map<String, INDArray> tensors, StoredForm form, Precision precision) {
    ImmutableMap<String, TensorType> types = form.types(tensors, precision);
    Map<String, Map<String, INDArray>> files = new TreeMap<>();
    tensors.forEach(
        (name, array) ->
            files.computeIfAbsent(form.file(name), file -> new TreeMap<>()).put(name, array));
    files.forEach(
        (file, part) ->
            SafeTensorsWriter.write(directory.resolve(file), part, types, form.metadata(file)));
    if (form.isSharded()) {
      writeIndex(directory, tensors, types, form);
    }
  }

  private static void writeIndex(
      Path directory,
      Map<String, INDArray> tensors,
      Map<String, TensorType> types,
      StoredForm form) {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode json = mapper.createObjectNode();
    ObjectNode map = mapper.createObjectNode();
    long bytes = 0;
    for (Map.Entry<String, INDArray> tensor : new TreeMap<>(tensors).entrySet()) {
      TensorType type = types.getOrDefault(tensor.getKey(), TensorType.F32);
      bytes += tensor.getValue().length() * type.bytes();
      map.put(tensor.getKey(), form.file(tensor.getKey()));
    }
    json.putObject("metadata").put("total_size", bytes);
    json.set("weight_map", map);
    Path index = directory.resolve(TensorSource.INDEX_FILE);
    try {
      AtomicFile.write(index, mapper.writer(LAYOUT).writeValueAsString(json) + "\n");
      Files.deleteIfExists(directory.resolve(TensorSource.SINGLE_FILE));
    } catch (IOException e) {
      throw new CheckpointException(index, "file: expected to be writable, got " + e, e);
    }
  }
}
