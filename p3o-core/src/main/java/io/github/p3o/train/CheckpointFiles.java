package io.github.p3o.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import io.github.p3o.Checkpoint;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.StrictJson;
import io.github.p3o.transformer.CheckpointException;
import io.github.p3o.transformer.TensorFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** The files of one checkpoint: tensors, everything else as JSON, and the checksums of both. */
final class CheckpointFiles {

  private static final String STATE = "state.json";
  private static final String TENSORS = "tensors.safetensors";
  private static final String CHECKSUMS = "SHA256SUMS";
  private static final ImmutableList<String> CHECKED = ImmutableList.of(STATE, TENSORS);

  private static final int FORMAT = 1;

  /** More than any state here; a file that is longer was not written by this class. */
  private static final long MAX_STATE_BYTES = 1L << 30;

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private CheckpointFiles() {}

  /** Writes and flushes the files of a checkpoint into an empty directory. */
  static void write(Path directory, Checkpoint checkpoint) throws IOException {
    ObjectNode state = JSON.createObjectNode();
    state.put("format", FORMAT).put("step", checkpoint.step());
    checkpoint.settings().forEach(state.putObject("settings")::put);
    checkpoint.states().forEach(state.putObject("states")::put);
    AtomicFile.write(directory.resolve(STATE), JSON.writeValueAsString(state) + "\n");
    TensorFiles.write(directory.resolve(TENSORS), checkpoint.tensors());
    AtomicFile.write(directory.resolve(CHECKSUMS), checksums(directory));
  }

  /** As {@code sha256sum} prints them. */
  @SuppressWarnings("UnstableApiUsage") // Guava's hashing is long stable in fact
  private static String checksums(Path directory) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (String name : CHECKED) {
      lines
          .append(MoreFiles.asByteSource(directory.resolve(name)).hash(Hashing.sha256()))
          .append("  ")
          .append(name)
          .append('\n');
    }
    return lines.toString();
  }

  /**
   * Reads a checkpoint back.
   *
   * @return its tensors are the caller's to close
   * @throws CheckpointException if anything is not as it was written; it names the file
   */
  static Checkpoint read(Path directory) {
    check(directory);
    Path file = directory.resolve(STATE);
    ObjectNode state = readState(file);
    if (state.path("format").asInt() != FORMAT) {
      throw new CheckpointException(
          file, "format: expected " + FORMAT + ", got " + state.path("format"), null);
    }
    return new Checkpoint(
        state.path("step").asLong(),
        texts(state.path("settings")),
        texts(state.path("states")),
        TensorFiles.read(directory.resolve(TENSORS)));
  }

  private static void check(Path directory) {
    try {
      String written = written(directory.resolve(CHECKSUMS));
      String now = checksums(directory);
      if (!written.equals(now)) {
        throw new CheckpointException(
            differing(directory, written, now),
            "checksum: expected the one in " + CHECKSUMS + ", got another",
            null);
      }
    } catch (IOException e) {
      throw new CheckpointException(directory, "files: expected to be readable, got " + e, e);
    }
  }

  private static String written(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected a readable one, got " + e, e);
    }
  }

  /** The first file whose line is missing; where all are there, the list itself was altered. */
  private static Path differing(Path directory, String written, String now) {
    return CHECKED.stream()
        .filter(
            name ->
                now.lines()
                    .filter(line -> line.endsWith(" " + name))
                    .noneMatch(line -> written.lines().anyMatch(line::equals)))
        .findFirst()
        .map(directory::resolve)
        .orElse(directory.resolve(CHECKSUMS));
  }

  private static ObjectNode readState(Path file) {
    try {
      return StrictJson.object(file, MAX_STATE_BYTES);
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected a readable one, got " + e, e);
    }
  }

  private static ImmutableMap<String, String> texts(JsonNode object) {
    ImmutableMap.Builder<String, String> texts = ImmutableMap.builder();
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      texts.put(entry.getKey(), entry.getValue().asText());
    }
    return texts.buildOrThrow();
  }
}
