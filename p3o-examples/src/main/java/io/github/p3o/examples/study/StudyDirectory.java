package io.github.p3o.examples.study;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.google.common.base.Throwables;
import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.ExclusiveLock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The directory of a study. A job that is done has a {@code done.json} with its settings; whatever
 * else is in the directory of a job without one is of no use, and is dropped when it is done again.
 * Several processes may work on one study: each holds a lock of the job that it does.
 */
final class StudyDirectory implements AutoCloseable {

  /** Marks a job that is done. */
  static final String DONE = "done.json";

  /** A byte of it for each job. */
  private static final String LOCKS = ".locks";

  private static final String STUDY = "study.json";
  private static final String FAILURES = "failures.jsonl";
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private final Path directory;
  private final FileChannel locks;

  /** What is known of a job that is done. */
  private record Done(Map<String, String> settings, double seconds) {}

  private StudyDirectory(Path directory, FileChannel locks) {
    this.directory = directory;
    this.locks = locks;
  }

  /**
   * Opens a study's directory, or makes one.
   *
   * @param description what must be the same when a study is gone on with
   */
  static StudyDirectory open(Path directory, Map<String, Object> description) {
    try {
      Files.createDirectories(directory);
      StudyDirectory study =
          new StudyDirectory(
              directory,
              FileChannel.open(
                  directory.resolve(LOCKS), StandardOpenOption.CREATE, StandardOpenOption.WRITE));
      study.begin(description);
      return study;
    } catch (IOException e) {
      throw new UsageException("--out: expected a directory to write to, got " + e);
    }
  }

  private void begin(Map<String, Object> description) throws IOException {
    Path file = directory.resolve(STUDY);
    if (!Files.exists(file)) {
      try (var entries = Files.list(directory)) {
        if (entries.anyMatch(entry -> !entry.getFileName().toString().startsWith("."))) {
          throw new UsageException(
              "--out: expected a study's directory, or a new or empty one, got " + directory);
        }
      }
      AtomicFile.write(file, JSON.writeValueAsString(description));
      return;
    }
    Map<String, Object> before = readJson(STUDY);
    description.forEach(
        (name, value) -> {
          if (!String.valueOf(value).equals(String.valueOf(before.get(name)))) {
            throw new UsageException(
                String.format(
                    Locale.ROOT,
                    "--out: expected %s %s as when the study in %s began, got %s",
                    name,
                    before.get(name),
                    directory,
                    value));
          }
        });
  }

  /** A file or directory in it. */
  Path resolve(String name) {
    return directory.resolve(name);
  }

  /** Reads an object. */
  Map<String, Object> readJson(String name) {
    try {
      return JSON.readValue(
          resolve(name).toFile(), new TypeReference<LinkedHashMap<String, Object>>() {});
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Adds to study.json. */
  void describe(Map<String, ?> more) {
    Map<String, Object> all = readJson(STUDY);
    all.putAll(more);
    json(STUDY, all);
  }

  /** Writes an object as indented JSON. */
  void json(String name, Object value) {
    try {
      text(name, JSON.writeValueAsString(value) + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a text file, and the directories that lead to it. */
  void text(String name, String text) {
    try {
      MoreFiles.createParentDirectories(resolve(name));
      AtomicFile.write(resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether a job is done; refuses one that was done with other settings. */
  boolean isDone(Job job) {
    Path file = resolve(job.path()).resolve(DONE);
    if (!Files.exists(file)) {
      return false;
    }
    Map<String, String> before = done(job).settings();
    if (!before.equals(job.settings())) {
      throw new UsageException(
          String.format(
              Locale.ROOT,
              "--out: expected %s with %s as it was done, got %s",
              job.path(),
              before,
              job.settings()));
    }
    return true;
  }

  /** The seconds that a job took which is done. */
  double seconds(Job job) {
    return done(job).seconds();
  }

  private Done done(Job job) {
    try {
      return JSON.readValue(resolve(job.path()).resolve(DONE).toFile(), Done.class);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Takes a job, unless another process has it. The lock ends with the process at the latest. */
  Optional<FileLock> claim(Job job) {
    long position =
        Hashing.murmur3_128().hashString(job.path(), StandardCharsets.UTF_8).asLong()
            & (Long.MAX_VALUE >> 1);
    try {
      return ExclusiveLock.tryLock(resolve(LOCKS), locks, position, 1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** An empty directory for a job that is begun. */
  Path begin(Job job) {
    Path path = resolve(job.path());
    try {
      if (Files.exists(path)) {
        MoreFiles.deleteRecursively(path, RecursiveDeleteOption.ALLOW_INSECURE);
      }
      Files.createDirectories(path);
      return path;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A job is done. */
  void finish(Job job, double seconds) {
    json(job.path() + "/" + DONE, new Done(job.settings(), seconds));
  }

  /** A job has failed: a line of failures.jsonl. */
  void failed(Job job, Throwable failure) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("job", job.path());
    line.put("settings", job.settings());
    line.put("failure", Throwables.getStackTraceAsString(failure));
    try {
      Files.writeString(
          resolve(FAILURES),
          new ObjectMapper().writeValueAsString(line) + "\n",
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The lines of a job's file. */
  <T> ImmutableList<T> read(Job job, String file, Class<T> type) {
    try {
      ImmutableList.Builder<T> lines = ImmutableList.builder();
      List<String> all = Files.readAllLines(resolve(job.path()).resolve(file));
      for (String line : all) {
        lines.add(JSON.readValue(line, type));
      }
      return lines.build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    try {
      locks.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
