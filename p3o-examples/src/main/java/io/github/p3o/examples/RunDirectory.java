package io.github.p3o.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** The directory that a run leaves: run.json, metrics.jsonl, samples.jsonl, models, report. */
final class RunDirectory implements AutoCloseable {

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS).build();

  /** Behind the name of a stage: lines of alarms at its steps. */
  static final String ALARM = "-alarm";

  private static final String METRICS = "metrics.jsonl";

  private final Path directory;
  private BufferedWriter metrics;

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
          Files.newBufferedWriter(directory.resolve(METRICS), StandardOpenOption.CREATE_NEW));
    } catch (DirectoryNotEmptyException e) {
      throw new UsageException(
          "--out: expected a new or empty directory, got " + directory + ", which holds files");
    } catch (IOException e) {
      throw new UsageException("--out: expected a directory to write to, got " + e);
    }
  }

  /** Opens the directory of a run that is resumed. */
  static RunDirectory reopen(Path directory) {
    try {
      return new RunDirectory(
          directory,
          Files.newBufferedWriter(
              directory.resolve(METRICS), StandardOpenOption.CREATE, StandardOpenOption.APPEND));
    } catch (IOException e) {
      throw new UsageException("DIR: expected a run directory to write to, got " + e);
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

  /** Puts metrics.jsonl on the disk, before a checkpoint that it must not lag behind. */
  void flush() {
    try (FileChannel channel =
        FileChannel.open(directory.resolve(METRICS), StandardOpenOption.WRITE)) {
      channel.force(true);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Drops from metrics.jsonl what will be measured again: the steps of a stage from this one on,
   * held-out measurements after it, and a line that was cut off when the process died.
   */
  void keepMetrics(String stage, long step) {
    try {
      metrics.close();
      Path file = directory.resolve(METRICS);
      StringBuilder kept = new StringBuilder();
      try (Stream<String> lines = Files.lines(file)) {
        lines.filter(line -> isBefore(line, stage, step)).forEach(l -> kept.append(l).append('\n'));
      }
      write(file, kept.toString());
      metrics = Files.newBufferedWriter(file, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isBefore(String line, String stage, long step) {
    JsonNode measured;
    try {
      measured = JSON.readTree(line);
    } catch (JsonProcessingException e) {
      return false; // cut off
    }
    String of = measured.path("stage").asText();
    long at = measured.path("step").asLong();
    boolean ofAStep = of.equals(stage) || of.equals(stage + ALARM);
    return ofAStep ? at < step : !of.startsWith(stage + "-") || at <= step;
  }

  /** Reads an object that {@link #json} wrote. */
  Map<String, Object> readJson(String name) {
    return read(name, new TypeReference<LinkedHashMap<String, Object>>() {});
  }

  /** Reads what {@link #json} wrote. */
  <T> T read(String name, TypeReference<T> type) {
    try {
      return JSON.readValue(resolve(name).toFile(), type);
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
    write(resolve(name), text);
  }

  /** Writes beside and renames: whoever reads it later finds the old text or the new one. */
  static void write(Path file, String text) {
    Path beside = file.resolveSibling("." + file.getFileName() + ".tmp");
    try {
      Files.writeString(beside, text);
      Files.move(beside, file, StandardCopyOption.REPLACE_EXISTING);
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
