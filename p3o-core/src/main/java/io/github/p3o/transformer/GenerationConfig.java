package io.github.p3o.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The end tokens in {@code generation_config.json}, which Hugging Face's {@code generate} reads
 * first. What else is in it says how to sample, and stays the host's.
 */
final class GenerationConfig {

  static final String FILE = "generation_config.json";

  private static final String KEY = "eos_token_id";
  private static final long MAX_BYTES = 1 << 20;

  private GenerationConfig() {}

  /** Those that a directory's file names; null if it is absent or names none. */
  static @Nullable ImmutableIntArray endTokens(Path directory) {
    Path file = directory.resolve(FILE);
    if (!Files.exists(file)) {
      return null;
    }
    JsonNode value = object(file).path(KEY);
    boolean none = value.isMissingNode() || value.isNull();
    return none ? null : TokenIdsJson.read(file, KEY, value);
  }

  /** Makes a file that is there agree with {@code config.json}. */
  static void setEndTokens(Path directory, ImmutableIntArray tokens) {
    Path file = directory.resolve(FILE);
    if (!Files.exists(file)) {
      return;
    }
    ObjectNode json = object(file);
    json.set(KEY, TokenIdsJson.of(tokens.toArray()));
    try {
      AtomicFile.write(file, json.toPrettyString() + "\n");
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected to be writable, got " + e, e);
    }
  }

  private static ObjectNode object(Path file) {
    try {
      return StrictJson.object(file, MAX_BYTES);
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected a JSON object, got " + e, e);
    }
  }
}
