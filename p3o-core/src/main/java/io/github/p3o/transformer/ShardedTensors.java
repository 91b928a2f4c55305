package io.github.p3o.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A checkpoint in several safetensors files, and an index that says which tensor is in which. */
final class ShardedTensors implements TensorSource {

  private static final long MAX_INDEX_BYTES = 64 << 20;

  /** A process can keep about 1,024 files open; the largest models have fewer than 200. */
  private static final int MAX_FILES = 512;

  private final Path index;
  private final ImmutableMap<String, SafeTensors> fileOf;

  private ShardedTensors(Path index, ImmutableMap<String, SafeTensors> fileOf) {
    this.index = index;
    this.fileOf = fileOf;
  }

  /**
   * Opens every file that an index names.
   *
   * @throws CheckpointException if a file breaks a rule of the format, lies elsewhere than beside
   *     the index, or lacks a tensor that the index promises
   */
  static ShardedTensors open(Path index) {
    Map<String, SafeTensors> files = new LinkedHashMap<>();
    ShardedTensors opened = null;
    try {
      opened = new ShardedTensors(index, open(index, weightMap(index), files));
      return opened;
    } finally {
      if (opened == null) {
        files.values().forEach(SafeTensors::close);
      }
    }
  }

  private static JsonNode weightMap(Path index) {
    try {
      ObjectNode json = StrictJson.object(index, MAX_INDEX_BYTES);
      JsonNode map = json.path("weight_map");
      if (!map.isObject() || map.isEmpty()) {
        throw new CheckpointException(
            index, "weight_map: expected files by tensor", map.getNodeType());
      }
      return map;
    } catch (IOException e) {
      throw new CheckpointException(index, "file: expected a JSON index, got " + e, e);
    }
  }

  private static ImmutableMap<String, SafeTensors> open(
      Path index, JsonNode weightMap, Map<String, SafeTensors> files) {
    ImmutableMap.Builder<String, SafeTensors> fileOf = ImmutableMap.builder();
    for (Map.Entry<String, JsonNode> entry : weightMap.properties()) {
      String name = fileName(index, entry.getKey(), entry.getValue());
      SafeTensors file = files.get(name);
      if (file == null) {
        if (files.size() == MAX_FILES) {
          throw new CheckpointException(
              index, "weight_map: expected at most " + MAX_FILES + " files", "more");
        }
        file = SafeTensors.open(index.resolveSibling(name));
        files.put(name, file);
      }
      if (!file.names().contains(entry.getKey())) {
        throw new CheckpointException(
            index, "weight_map: expected " + entry.getKey() + " in " + name, file.names());
      }
      fileOf.put(entry.getKey(), file);
    }
    return fileOf.buildOrThrow();
  }

  /** A plain name: an index from elsewhere shall not lead to other directories. */
  private static String fileName(Path index, String tensor, JsonNode value) {
    String name = value.textValue();
    if (name == null || !name.matches("[A-Za-z0-9_][A-Za-z0-9_.-]*")) {
      throw new CheckpointException(
          index, "weight_map." + tensor + ": expected the name of a file beside the index", value);
    }
    return name;
  }

  @Override
  public ImmutableSet<String> names() {
    return fileOf.keySet();
  }

  @Override
  public ImmutableLongArray shape(String name) {
    return file(name).shape(name);
  }

  @Override
  public INDArray read(String name, DataType type) {
    return file(name).read(name, type);
  }

  @Override
  public void readInto(String name, INDArray target) {
    file(name).readInto(name, target);
  }

  @Override
  public void checkMappable(String name) {
    file(name).checkMappable(name);
  }

  @Override
  public INDArray map(String name) {
    return file(name).map(name);
  }

  @Override
  public StoredForm form() {
    ImmutableMap.Builder<String, TensorType> types = ImmutableMap.builder();
    fileOf.forEach((name, file) -> types.put(name, file.type(name)));
    ImmutableMap<String, String> files =
        ImmutableMap.copyOf(Maps.transformValues(fileOf, SafeTensors::fileName));
    ImmutableMap.Builder<String, ImmutableMap<String, String>> notes = ImmutableMap.builder();
    new LinkedHashSet<>(fileOf.values()).forEach(f -> notes.put(f.fileName(), f.metadata()));
    return new StoredForm(types.buildOrThrow(), files, notes.buildOrThrow());
  }

  private SafeTensors file(String name) {
    SafeTensors file = fileOf.get(name);
    if (file == null) {
      throw new CheckpointException(index, "tensors: expected " + name, "none of that name");
    }
    return file;
  }

  @Override
  public void close() {
    fileOf.values().forEach(SafeTensors::close);
  }
}
