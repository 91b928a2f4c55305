package io.github.p3o.transformer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads the JSON of a safetensors header token by token: a tree would take many times its length.
 */
final class SafeTensorsHeaderParser {

  /** What ND4J's shapes can hold. */
  private static final int MAX_RANK = 32;

  /** Several times what the largest models have in all their files. */
  private static final int MAX_TENSORS = 500_000;

  private static final JsonFactory FACTORY = StrictJson.factory(Integer.MAX_VALUE);

  private final Path file;
  private final JsonParser json;
  private int tensorCount;

  private SafeTensorsHeaderParser(Path file, JsonParser json) {
    this.file = file;
    this.json = json;
  }

  /** The header in this text, each tensor checked for itself. */
  static SafeTensorsHeader parse(Path file, String text, long dataStart) {
    try (JsonParser json = FACTORY.createParser(text)) {
      return new SafeTensorsHeaderParser(file, json).header(dataStart);
    } catch (JsonProcessingException e) {
      throw new CheckpointException(
          file, "header: expected JSON, got: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new CheckpointException(file, "header: expected JSON, got: " + e.getMessage(), e);
    }
  }

  private SafeTensorsHeader header(long dataStart) throws IOException {
    ImmutableMap.Builder<String, TensorEntry> tensors = ImmutableMap.builder();
    ImmutableMap.Builder<String, String> metadata = ImmutableMap.builder();
    beginObject("header");
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      if (name.equals(SafeTensorsHeader.METADATA)) {
        metadata(metadata::put);
      } else {
        tensors.put(name, entry(name));
      }
    }
    if (json.nextToken() != null) {
      throw broken("header: expected nothing behind the object");
    }
    return new SafeTensorsHeader(metadata.buildOrThrow(), tensors.buildOrThrow(), dataStart);
  }

  private void metadata(BiConsumer<String, String> notes) throws IOException {
    beginObject(SafeTensorsHeader.METADATA);
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      notes.accept(name, text("__metadata__." + name));
    }
  }

  private TensorEntry entry(String name) throws IOException {
    if (++tensorCount > MAX_TENSORS) {
      throw new CheckpointException(file, "header: expected at most 500000 tensors", "more");
    }
    TensorType type = null;
    ImmutableLongArray shape = null;
    ImmutableLongArray offsets = null;
    beginObject(name);
    for (String key = json.nextFieldName(); key != null; key = json.nextFieldName()) {
      switch (key) {
        case "dtype" -> type = type(name);
        case "shape" -> shape = lengths(name + ".shape", MAX_RANK);
        case "data_offsets" -> offsets = lengths(name + ".data_offsets", 2);
        default ->
            throw new CheckpointException(
                file, name + ": expected dtype, shape and data_offsets", key);
      }
    }
    if (type == null || shape == null || offsets == null || offsets.length() != 2) {
      throw new CheckpointException(
          file, name + ": expected dtype, shape and two data_offsets", "less");
    }
    return entry(name, type, shape, offsets);
  }

  private TensorEntry entry(
      String name, TensorType type, ImmutableLongArray shape, ImmutableLongArray offsets) {
    long length = offsets.get(1) - offsets.get(0);
    long bytes;
    try {
      bytes = TensorEntry.bytes(type, shape);
    } catch (ArithmeticException e) {
      throw new CheckpointException(file, name + ".shape: expected less than 2^63 bytes", shape);
    }
    if (length != bytes) {
      throw new CheckpointException(
          file,
          name + ".data_offsets: expected " + bytes + " bytes, as of " + type + shape,
          offsets);
    }
    return new TensorEntry(type, shape, offsets.get(0), offsets.get(1));
  }

  private TensorType type(String name) throws IOException {
    String text = text(name + ".dtype");
    TensorType type = TensorType.named(text);
    if (type == null) {
      throw new CheckpointException(
          file, name + ".dtype: expected one of " + Arrays.toString(TensorType.values()), text);
    }
    return type;
  }

  /** An array of at most {@code maximum} numbers ≥ 0. */
  private ImmutableLongArray lengths(String name, int maximum) throws IOException {
    ImmutableLongArray.Builder lengths = ImmutableLongArray.builder();
    int count = 0;
    JsonToken token = json.nextToken();
    boolean valid = token == JsonToken.START_ARRAY;
    while (valid && (token = json.nextToken()) != JsonToken.END_ARRAY) {
      valid = token == JsonToken.VALUE_NUMBER_INT && ++count <= maximum;
      if (valid) {
        long length = json.getLongValue();
        lengths.add(length);
        valid = length >= 0;
      }
    }
    if (!valid) {
      throw broken(name + ": expected at most " + maximum + " whole numbers ≥ 0");
    }
    return lengths.build();
  }

  private String text(String name) throws IOException {
    @Nullable String text = json.nextTextValue();
    if (text == null) {
      throw broken(name + ": expected a string");
    }
    return text;
  }

  private void beginObject(String name) throws IOException {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw broken(name + ": expected a JSON object");
    }
  }

  private CheckpointException broken(String rule) throws IOException {
    @Nullable String got = json.getText();
    return new CheckpointException(file, rule, got == null ? "nothing" : got);
  }
}
