package io.github.p3o.examples.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.ExclusiveLock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a run leaves: run.json, metrics.jsonl, rollouts.jsonl, samples.jsonl, models, report. */
public final class RunDirectory implements AutoCloseable {

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS).build();

  /** What every step measured, and alarms. */
  public static final String METRICS = "metrics.jsonl";

  /** Held for as long as a process works on the run. */
  private static final String LOCK = ".lock";

  /** What a run has before it has done anything. */
  private static final Set<String> BEGINNING = Set.of(Run.DESCRIPTION, METRICS, LOCK);

  private final Path directory;
  private final Origin origin;
  private final @Nullable ExclusiveLock lock;
  private final StepLog metrics;
  private final StepLog rollouts;

  private enum Origin {
    /** Made for this run. */
    MADE,
    /** Given, and empty. */
    EMPTY,
    /** Of a run that is resumed. */
    RESUMED
  }

  private RunDirectory(Path directory, Origin origin, @Nullable ExclusiveLock lock)
      throws IOException {
    this.directory = directory;
    this.origin = origin;
    this.lock = lock;
    this.metrics = new StepLog(directory.resolve(METRICS));
    this.rollouts = new StepLog(directory.resolve("rollouts.jsonl"));
    // Now rather than after the first step, should it not be possible.
    Files.writeString(
        directory.resolve(METRICS), "", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** Makes a directory that must be new or empty. */
  static RunDirectory create(Path directory) {
    Origin origin = Files.exists(directory) ? Origin.EMPTY : Origin.MADE;
    try {
      Files.createDirectories(directory);
      checkEmpty(directory); // before a lock is left in it
      return open(
          directory, origin, "--out: expected a new or empty directory, got %s, in which a run is");
    } catch (DirectoryNotEmptyException e) {
      throw new UsageException(
          "--out: expected a new or empty directory, got " + directory + ", which holds files");
    } catch (FileAlreadyExistsException e) {
      throw new UsageException(
          "--out: expected a new or empty directory, got " + directory + ", which is a file");
    } catch (IOException e) {
      throw new UsageException("--out: expected a directory to write to, got " + e);
    }
  }

  /** Of a run that was refused, the lock may be left. */
  private static void checkEmpty(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      if (entries.anyMatch(entry -> !entry.getFileName().toString().equals(LOCK))) {
        throw new DirectoryNotEmptyException(directory.toString());
      }
    }
  }

  /** Takes the lock first. */
  private static RunDirectory open(Path directory, Origin origin, String refusal)
      throws IOException {
    ExclusiveLock lock =
        ExclusiveLock.take(directory.resolve(LOCK))
            .orElseThrow(() -> new UsageException(String.format(Locale.ROOT, refusal, directory)));
    boolean whole = false;
    try {
      if (origin != Origin.RESUMED) {
        checkEmpty(directory); // another run may have begun and ended since
      }
      RunDirectory opened = new RunDirectory(directory, origin, lock);
      whole = true;
      return opened;
    } finally {
      if (!whole) {
        lock.close();
      }
    }
  }

  /** Opens the directory of a run to read what it has made. */
  public static RunDirectory toRead(Path directory) {
    try {
      return new RunDirectory(directory, Origin.RESUMED, null);
    } catch (IOException e) {
      throw new UncheckedIOException(directory + ": expected a run directory, got " + e, e);
    }
  }

  /** Opens the directory of a run that is resumed. */
  static RunDirectory reopen(Path directory) {
    try {
      return open(
          directory,
          Origin.RESUMED,
          "DIR: expected a run that no process works on, got %s, on which another does");
    } catch (IOException e) {
      throw new UsageException("DIR: expected a run directory to write to, got " + e);
    }
  }

  /** A file or directory in it. */
  public Path resolve(String name) {
    return directory.resolve(name);
  }

  /** Its path as given. */
  public Path path() {
    return directory;
  }

  /** Appends a line to metrics.jsonl. */
  public void metrics(String stage, long step, Map<String, ?> values) {
    metrics.add(stage, step, values);
  }

  /** What was trained on, rollouts.jsonl. */
  public StepLog rollouts() {
    return rollouts;
  }

  /** Puts both on the disk, before a checkpoint that they must not lag behind. */
  void flush() {
    metrics.flush();
    rollouts.flush();
  }

  /**
   * Writes to metrics.jsonl what a stage measures once, in place of what it measured before: a run
   * that is resumed at its end measures again.
   */
  public void metricsOnce(String stage, long step, Map<String, ?> values) {
    metrics.keepBefore(stage, 0);
    metrics(stage, step, values);
  }

  /** Drops from both the steps of a stage that will be made again. */
  void keepBefore(String stage, long step) {
    metrics.keepBefore(stage, step);
    rollouts.keepBefore(stage, step);
  }

  /** Reads an object that {@link #json} wrote. */
  Map<String, Object> readJson(String name) {
    return read(name, new TypeReference<LinkedHashMap<String, Object>>() {});
  }

  /** Reads what {@link #json} wrote. */
  public <T> T read(String name, TypeReference<T> type) {
    try {
      return JSON.readValue(resolve(name).toFile(), type);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes an object as indented JSON. */
  public void json(String name, Object value) {
    try {
      text(name, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n");
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes one JSON object a line. */
  public void jsonLines(String name, Iterable<?> values) {
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
  public void text(String name, String text) {
    try {
      AtomicFile.write(resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    metrics.close();
    rollouts.close();
    if (lock != null) {
      lock.close();
    }
    if (origin != Origin.RESUMED) {
      dropIfNothingWasMade();
    }
  }

  /** So that a run that was refused can be given again with the same directory. */
  private void dropIfNothingWasMade() {
    try (Stream<Path> entries = Files.list(directory)) {
      ImmutableList<Path> all = entries.collect(ImmutableList.toImmutableList());
      if (all.stream().allMatch(each -> BEGINNING.contains(each.getFileName().toString()))
          && Files.size(directory.resolve(METRICS)) == 0) {
        for (Path each : all) {
          Files.delete(each);
        }
        if (origin == Origin.MADE) {
          Files.delete(directory);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(directory + ": expected to be writable, got " + e, e);
    }
  }
}
