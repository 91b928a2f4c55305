package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkNotNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A file that one owner holds at a time, among those of all processes and of this one. The
 * operating system ends it with the process at the latest; the file stays, since to delete it would
 * let another lock the deleted one.
 */
public final class ExclusiveLock implements AutoCloseable {

  /**
   * Those of this process. To open such a file once more and close it would give up the lock of its
   * owner: POSIX ends all locks of a process on a file with any of its descriptors.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path key;
  private final FileChannel channel;

  private ExclusiveLock(Path key, FileChannel channel) {
    this.key = key;
    this.channel = channel;
  }

  /**
   * Takes the lock of a file.
   *
   * @param file in a directory that is there; made if it is not there
   * @return empty if another has it
   * @throws IOException if the file cannot be opened, or its file system has no locks
   */
  public static Optional<ExclusiveLock> take(Path file) throws IOException {
    Path directory = checkNotNull(file.toAbsolutePath().getParent());
    Path key = directory.toRealPath().resolve(file.getFileName());
    if (!HELD.add(key)) {
      return Optional.empty();
    }
    ExclusiveLock taken = null;
    try {
      taken = opened(file, key);
      return Optional.ofNullable(taken);
    } finally {
      if (taken == null) {
        HELD.remove(key);
      }
    }
  }

  private static @Nullable ExclusiveLock opened(Path file, Path key) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean locked = false;
    try {
      locked = tryLock(file, channel, 0, Long.MAX_VALUE).isPresent();
      return locked ? new ExclusiveLock(key, channel) : null;
    } finally {
      if (!locked) {
        channel.close();
      }
    }
  }

  /**
   * Locks a part of an open file.
   *
   * @param file its path, for messages
   * @return empty if another has it, in this process or another
   * @throws IOException if the file system has no locks
   */
  public static Optional<FileLock> tryLock(Path file, FileChannel channel, long position, long size)
      throws IOException {
    try {
      return Optional.ofNullable(channel.tryLock(position, size, false));
    } catch (OverlappingFileLockException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new IOException(
          file + ": expected a file system with locks, such as that of a local disk, got " + e, e);
    }
  }

  /** Does nothing the second time, when another may have it. */
  @Override
  public synchronized void close() {
    if (!channel.isOpen()) {
      return;
    }
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(key + ": expected to be closed, got " + e, e);
    } finally {
      HELD.remove(key);
    }
  }
}
