package io.github.p3o.text;

import java.io.Serial;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A data set that cannot be read. The message names the file, the line and the rule that was
 * broken, and shows nothing of the data, which may be private or offensive.
 */
public final class DataSetException extends RuntimeException {

  @Serial private static final long serialVersionUID = 1L;

  /** See {@link #file}. */
  private final String file;

  /** See {@link #line}. */
  private final long line;

  DataSetException(Path file, long line, String problem, @Nullable Throwable cause) {
    super(file + (line == 0 ? ": " : ":" + line + ": ") + problem, cause);
    this.file = file.toString();
    this.line = line;
  }

  /**
   * The file.
   *
   * @return its path
   */
  public Path file() {
    return Path.of(file);
  }

  /**
   * The line.
   *
   * @return its number, from 1 on; 0 if the file as a whole is meant
   */
  public long line() {
    return line;
  }
}
