package io.github.p3o.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.eval.Judge.Verdict;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.IoProblem;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Verdicts in a directory, a file each with the reply that it was read from. A file is whole or not
 * there, so that several judges may share a directory.
 *
 * @param directory of the files
 */
record VerdictCache(Path directory) {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Of a reply, to be read by people. */
  private static final int MAX_REPLY = 2000;

  private record Entry(Verdict verdict, String reply) {}

  /** Opens or makes a directory. */
  static VerdictCache open(Path directory) {
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(directory + ": expected a directory, got " + e, e);
    }
    return new VerdictCache(directory);
  }

  private Path file(String key) {
    return directory.resolve(key + ".json");
  }

  /** The verdict on a question, null if it was not asked. */
  @Nullable Verdict get(String key) {
    Path file = file(key);
    if (!Files.exists(file)) {
      return null;
    }
    try {
      return JSON.readValue(Files.readString(file), Entry.class).verdict();
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(file + ": expected a verdict, got other text", e);
    } catch (IOException e) {
      throw IoProblem.of(file, e);
    }
  }

  /** Keeps a verdict; it is on the disk on return. */
  void put(String key, Verdict verdict, String reply) {
    String shown = reply.substring(0, Math.min(reply.length(), MAX_REPLY));
    try {
      AtomicFile.write(file(key), JSON.writeValueAsString(new Entry(verdict, shown)) + "\n");
    } catch (IOException e) {
      throw IoProblem.of(directory, e);
    }
  }
}
