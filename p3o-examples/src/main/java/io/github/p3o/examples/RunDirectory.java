package io.github.p3o.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** The directory that a run leaves: run.json, metrics.jsonl, samples.jsonl, models, report. */
final class RunDirectory implements AutoCloseable {

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS).build();

  private final Path directory;
  private final BufferedWriter metrics;

  private RunDirectory(Path directory, BufferedWriter metrics) {
    this.directory = directory;
    this.metrics = metrics;
  }

  /** Makes a directory that must be new or empty. */
  static RunDirectory create(Path directory) {
    try {
      Files.createDirectories(directory);
      try (Stream<Path> entries = Files.list(directory)) {
        if (entries.findAny().isPresent()) {
          throw new DirectoryNotEmptyException(directory.toString());
        }
      }
      return new RunDirectory(
          directory,
          Files.newBufferedWriter(
              directory.resolve("metrics.jsonl"), StandardOpenOption.CREATE_NEW));
    } catch (DirectoryNotEmptyException e) {
      throw new UsageException(
          "--out: expected a new or empty directory, got " + directory + ", which holds files");
    } catch (IOException e) {
      throw new UsageException("--out: expected a directory to write to, got " + e);
    }
  }

  /** A file or directory in it. */
  Path resolve(String name) {
    return directory.resolve(name);
  }

  /** Its path as given. */
  Path path() {
    return directory;
  }

  /** Appends a line to metrics.jsonl; it is on the disk when a run dies later. */
  void metrics(String stage, long step, Map<String, ?> values) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("stage", stage);
    line.put("step", step);
    values.forEach((name, value) -> line.put(name, finite(value)));
    try {
      metrics.write(
          JSON.writer()
              .without(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
              .writeValueAsString(line));
      metrics.newLine();
      metrics.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** JSON has no NaN and no infinity. */
  private static Object finite(Object value) {
    return value instanceof Double number && !Double.isFinite(number) ? number.toString() : value;
  }

  /** Writes an object as indented JSON. */
  void json(String name, Object value) {
    try {
      text(name, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n");
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes one JSON object a line. */
  void jsonLines(String name, Iterable<?> values) {
    StringBuilder text = new StringBuilder();
    try {
      for (Object value : values) {
        text.append(JSON.writeValueAsString(value)).append('\n');
      }
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
    text(name, text.toString());
  }

  /** Writes a text file. */
  void text(String name, String text) {
    try {
      Files.writeString(resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    try {
      metrics.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
