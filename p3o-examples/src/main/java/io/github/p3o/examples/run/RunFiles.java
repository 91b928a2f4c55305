package io.github.p3o.examples.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Reads what a run or a study has left in its directory. What is not there is empty.
 *
 * @param directory of the run or study
 */
public record RunFiles(Path directory) {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Whether there is a file of this name. */
  public boolean has(String name) {
    return Files.exists(directory.resolve(name));
  }

  /** A JSON file, missing if it is not there. */
  public JsonNode json(String name) {
    if (!has(name)) {
      return MissingNode.getInstance();
    }
    try {
      return JSON.readTree(text(name));
    } catch (JsonProcessingException e) {
      throw new UsageException(
          directory.resolve(name) + ": expected JSON, got " + e.getOriginalMessage());
    }
  }

  /** The lines of a JSONL file; the last may have been cut off when a process died. */
  public ImmutableList<JsonNode> lines(String name) {
    if (!has(name)) {
      return ImmutableList.of();
    }
    List<String> lines = text(name).lines().toList();
    boolean isWhole = lines.isEmpty() || parse(lines.get(lines.size() - 1)).isPresent();
    return parsed(directory.resolve(name), isWhole ? lines : lines.subList(0, lines.size() - 1));
  }

  /** The lines of a JSONL file, which must be there and whole. */
  public static ImmutableList<JsonNode> allLines(Path file) {
    try {
      return parsed(file, Files.readAllLines(file));
    } catch (IOException e) {
      throw new UsageException(file + ": expected a file of JSON lines in UTF-8, got " + e);
    }
  }

  private static ImmutableList<JsonNode> parsed(Path file, List<String> lines) {
    ImmutableList.Builder<JsonNode> parsed = ImmutableList.builder();
    for (int i = 0; i < lines.size(); i++) {
      int number = i + 1;
      parsed.add(
          parse(i == 0 ? StrictJson.withoutMark(lines.get(i)) : lines.get(i))
              .orElseThrow(
                  () ->
                      new UsageException(
                          file + ", line " + number + ": expected JSON, got something else")));
    }
    return parsed.build();
  }

  private static Optional<JsonNode> parse(String line) {
    try {
      return Optional.of(JSON.readTree(line)).filter(node -> !node.isMissingNode());
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  /** A text file, empty if it is not there. */
  public String text(String name) {
    try {
      return has(name) ? Files.readString(directory.resolve(name)) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
