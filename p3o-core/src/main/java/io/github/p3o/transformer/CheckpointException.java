package io.github.p3o.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.base.Ascii;
import java.io.Serial;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A file of a model checkpoint that cannot be read, or that holds what this library does not
 * support. The message names the file, the rule and the value that broke it.
 */
public final class CheckpointException extends RuntimeException {

  @Serial private static final long serialVersionUID = 1L;

  /** Characters of a value that a message shows. */
  private static final int MAX_SHOWN = 200;

  /** See {@link #file}. */
  private final String file;

  CheckpointException(Path file, String rule, Object value) {
    this(file, rule + ", got " + value, (Throwable) null);
  }

  /** Of a key of a JSON file. */
  static CheckpointException of(Path file, String key, String expected, JsonNode value) {
    Object shown =
        value.isMissingNode() ? "nothing" : Ascii.truncate(value.toString(), MAX_SHOWN, "…");
    return new CheckpointException(file, key + ": expected " + expected, shown);
  }

  /** Of a directory that lacks a file which it must have. */
  static CheckpointException ofMissing(Path directory, String expected, String file) {
    String got =
        Files.isDirectory(directory)
            ? "one without " + file
            : Files.exists(directory) ? "a file" : "nothing of that name";
    return new CheckpointException(directory, "directory: expected " + expected, got);
  }

  /**
   * Says what is wrong with a file.
   *
   * @param file the file
   * @param problem rule and value
   * @param cause why, if anything else threw
   */
  public CheckpointException(Path file, String problem, @Nullable Throwable cause) {
    super(file + ": " + problem, cause);
    this.file = file.toString();
  }

  /**
   * The file that broke the rule.
   *
   * @return its path
   */
  public Path file() {
    return Path.of(file);
  }
}
