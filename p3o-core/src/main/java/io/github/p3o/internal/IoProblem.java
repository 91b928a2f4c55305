package io.github.p3o.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Says which file failed and why: the message of Java's own exception is often its path alone. */
public final class IoProblem {

  private IoProblem() {}

  /** An exception of a file or directory, or of a file within it. */
  public static UncheckedIOException of(Path path, IOException e) {
    return new UncheckedIOException(text(path, e), e);
  }

  /** The path once, and the reason. */
  public static String text(Path path, IOException e) {
    String message = e.getMessage();
    if (e instanceof FileSystemException failed) {
      return below(path, failed.getFile()) + ": " + reason(failed);
    }
    if (message == null) {
      return path + ": " + e;
    }
    return message.startsWith(path.toString()) ? message : path + ": " + message;
  }

  /** The more exact of two paths, or both. */
  private static String below(Path path, @Nullable String file) {
    if (file == null) {
      return path.toString();
    }
    return file.startsWith(path.toString()) ? file : path + ": " + file;
  }

  private static String reason(FileSystemException e) {
    if (e.getReason() != null) {
      return e.getReason();
    }
    if (e instanceof NoSuchFileException) {
      return "no such file or directory";
    }
    if (e instanceof FileAlreadyExistsException) {
      return "something of this name is in the way";
    }
    return e instanceof AccessDeniedException
        ? "permission denied"
        : e.getClass().getSimpleName(); // such as NotDirectoryException
  }
}
