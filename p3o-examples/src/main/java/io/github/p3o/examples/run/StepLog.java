package io.github.p3o.examples.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.internal.AtomicFile;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A file of JSON objects, one a line, each of a stage and a step. It grows while a run goes on, and
 * is cut back to a checkpoint when the run is resumed.
 */
public final class StepLog implements AutoCloseable {

  /** Behind the name of a stage: lines of alarms at its steps. */
  public static final String ALARM = "-alarm";

  /** In such a line: which alarm. */
  public static final String ALARM_KIND = "alarm";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private @Nullable BufferedWriter writer;

  /** A file that is made with its first line. */
  public StepLog(Path file) {
    this.file = file;
  }

  /** Appends a line; it is there when the process dies later. */
  public void add(String stage, long step, Map<String, ?> values) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("stage", stage);
    line.put("step", step);
    values.forEach((name, value) -> line.put(name, finite(value)));
    try {
      if (writer == null) {
        writer =
            Files.newBufferedWriter(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      }
      writer.write(JSON.writeValueAsString(line));
      writer.newLine();
      writer.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  /** JSON has no NaN and no infinity. */
  private static Object finite(Object value) {
    return value instanceof Double number && !Double.isFinite(number) ? number.toString() : value;
  }

  /** Puts all lines on the disk, before a checkpoint that they must not lag behind. */
  void flush() {
    if (!Files.exists(file)) {
      return;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Drops what will come again: the steps of a stage from this one on, held-out measurements after
   * it, and a line that was cut off when the process died.
   */
  public void keepBefore(String stage, long step) {
    close();
    if (!Files.exists(file)) {
      return;
    }
    try {
      StringBuilder kept = new StringBuilder();
      try (Stream<String> lines = Files.lines(file)) {
        lines.filter(line -> isBefore(line, stage, step)).forEach(l -> kept.append(l).append('\n'));
      }
      AtomicFile.write(file, kept.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
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

  @Override
  public void close() {
    try {
      if (writer != null) {
        writer.close();
        writer = null;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }
}
