package io.github.p3o.transformer;

import java.io.Serial;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A file of a model checkpoint that cannot be read, or that holds what this library does not
 * support. The message names the file, the rule and the value that broke it.
 */
public final class CheckpointException extends RuntimeException {

  @Serial private static final long serialVersionUID = 1L;

  /** See {@link #file}. */
  private final String file;

  CheckpointException(Path file, String rule, Object value) {
    this(file, rule + ", got " + value, (Throwable) null);
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
