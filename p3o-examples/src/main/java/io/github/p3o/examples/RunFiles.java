package io.github.p3o.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Reads what a run or a study has left in its directory. What is not there is empty, and a line
 * that was cut off when a process died is passed over.
 *
 * @param directory of the run or study
 */
record RunFiles(Path directory) {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Whether there is a file of this name. */
  boolean has(String name) {
    return Files.exists(directory.resolve(name));
  }

  /** A JSON file, missing if it is not there. */
  JsonNode json(String name) {
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

  /** The lines of a JSONL file. */
  ImmutableList<JsonNode> lines(String name) {
    if (!has(name)) {
      return ImmutableList.of();
    }
    try (Stream<String> lines = Files.lines(directory.resolve(name))) {
      return lines.flatMap(RunFiles::parsed).collect(ImmutableList.toImmutableList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<JsonNode> parsed(String line) {
    try {
      return Stream.of(JSON.readTree(line));
    } catch (JsonProcessingException e) {
      return Stream.empty(); // cut off
    }
  }

  /** A text file, empty if it is not there. */
  String text(String name) {
    try {
      return has(name) ? Files.readString(directory.resolve(name)) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** An indented JSON text. */
  static String indented(JsonNode node) {
    return node.toPrettyString();
  }
}
