package io.github.p3o.internal;

import com.google.common.base.Preconditions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Files that are either whole or not there: written beside, flushed to the disk and renamed. A
 * crash leaves the old file, or a {@code .tmp} file that nobody reads.
 */
public final class AtomicFile {

  /** What a file will hold. */
  @FunctionalInterface
  public interface Content {

    /**
     * Writes all of it.
     *
     * @param channel of an empty file, at position 0
     * @throws IOException if it cannot be written
     */
    void writeTo(FileChannel channel) throws IOException;
  }

  private AtomicFile() {}

  /**
   * Writes a file, in place of the one of that name if there is one.
   *
   * @param file in an existing directory
   * @param content what it will hold
   * @throws IOException if it cannot be written; the file is then as it was
   */
  public static void write(Path file, Content content) throws IOException {
    Path directory = Preconditions.checkNotNull(file.toAbsolutePath().getParent());
    Path beside = directory.resolve("." + file.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(beside, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeTo(channel);
        channel.force(true);
      }
      Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(beside);
    }
    flush(directory);
  }

  /**
   * Writes a text file in UTF-8, in place of the one of that name if there is one.
   *
   * @param file in an existing directory
   * @param text what it will hold
   * @throws IOException if it cannot be written; the file is then as it was
   */
  public static void write(Path file, String text) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    write(file, channel -> writeFully(channel, bytes));
  }

  /**
   * Writes everything that remains in a buffer.
   *
   * @param channel where to
   * @param bytes what; nothing remains in it afterwards
   * @throws IOException if it cannot be written
   */
  public static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /**
   * Gives a directory its name once it is complete: flushes it, renames it and flushes the one that
   * it is in.
   *
   * @param beside the directory, in the same one as its new name, its files already flushed
   * @param directory its new name, which nothing has yet
   * @throws IOException if it cannot be renamed
   */
  public static void rename(Path beside, Path directory) throws IOException {
    flush(beside);
    Files.move(beside, directory, StandardCopyOption.ATOMIC_MOVE);
    flush(Preconditions.checkNotNull(directory.toAbsolutePath().getParent()));
  }

  /** The rename itself survives a loss of power only once the directory is on the disk too. */
  private static void flush(Path directory) {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Windows opens no directory as a file, and keeps renames by its journal.
    }
  }
}
