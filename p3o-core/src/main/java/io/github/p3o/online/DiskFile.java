package io.github.p3o.online;

import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;

/**
 * A file that is read and written at positions. Tests make ones that fail.
 *
 * <p>{@link RandomAccessFile} and not {@code FileChannel}: the interruption of one thread would
 * close the channel for all.
 */
class DiskFile implements Closeable {

  /** Opens a file that is there. */
  @FunctionalInterface
  interface Opener {
    DiskFile open(Path path) throws IOException;
  }

  private final RandomAccessFile file;

  DiskFile(Path path) throws IOException {
    this.file = new RandomAccessFile(path.toFile(), "rw");
  }

  long length() throws IOException {
    return file.length();
  }

  /** Fills the bytes. */
  void read(long position, byte[] bytes) throws IOException {
    file.seek(position);
    file.readFully(bytes);
  }

  void write(long position, byte[] bytes) throws IOException {
    file.seek(position);
    file.write(bytes);
  }

  void cut(long length) throws IOException {
    file.setLength(length);
  }

  /** Returns when all that was written is on the disk. */
  void sync() throws IOException {
    file.getFD().sync();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
