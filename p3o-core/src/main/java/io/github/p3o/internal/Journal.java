package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records in a file that only grows. A record is on the disk when {@link #append} returns; those of
 * several threads go there together. Each has a checksum, and its length and checksum have one too,
 * so that a record that a crash cut off at the end is told from one that was altered.
 *
 * <p>Layout: a header that says what the records are; then for each record its length, the CRC-32C
 * of its bytes, the CRC-32C of these 8 bytes (4 bytes each, big-endian), and its bytes.
 *
 * <p>{@link RandomAccessFile} and not {@code FileChannel}: the interruption of one thread would
 * close the channel for all.
 */
public final class Journal implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);

  /** Bytes before each record. */
  private static final int FRAME = 12;

  private static final int MAX_RECORD = 1 << 24;

  /** One record, text in UTF-8, and where the next begins. */
  public record Entry(String payload, long next) {}

  private final Path path;
  private final String header;
  private final RandomAccessFile file;
  private final FileLock lock;
  private final Object forcing = new Object();

  @GuardedBy("this")
  private long end;

  @GuardedBy("this")
  private long written;

  @GuardedBy("this")
  private @Nullable String unusable;

  private volatile long durable;

  /**
   * Opens or makes the file, and cuts off what a crash left of a record at its end.
   *
   * @param path the file
   * @param header what the file begins with, in ASCII
   * @return the journal
   * @throws IllegalStateException if it is open already, here or in another process
   * @throws UncheckedIOException if it cannot be read, or was altered; it names file and position
   */
  public static Journal open(Path path, String header) {
    try {
      if (!Files.exists(path)) {
        AtomicFile.write(path, header);
      }
      RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
      try {
        return new Journal(path, header, file, lock(path, file));
      } catch (IOException | RuntimeException e) {
        file.close();
        throw e;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(path + ": " + e.getMessage(), e);
    }
  }

  private static FileLock lock(Path path, RandomAccessFile file) throws IOException {
    FileLock lock = null;
    try {
      lock = file.getChannel().tryLock();
    } catch (OverlappingFileLockException e) {
      LOG.debug("locked in this process", e);
    }
    checkState(lock != null, "%s: expected to be the only one who has it open, got another", path);
    return lock;
  }

  private Journal(Path path, String header, RandomAccessFile file, FileLock lock)
      throws IOException {
    this.path = path;
    this.header = header;
    this.file = file;
    this.lock = lock;
    byte[] found = new byte[header.length()];
    file.seek(0);
    file.readFully(found);
    if (!new String(found, StandardCharsets.US_ASCII).equals(header)) {
      throw new IOException("expected a file of \"" + header.strip() + "\", got another");
    }
    long position = start();
    long records = 0;
    for (Entry entry = readAt(position); entry != null; entry = readAt(position)) {
      position = entry.next();
      records++;
    }
    if (position < file.length()) {
      LOG.warn("{}: {} bytes of a record that a crash cut off", path, file.length() - position);
      file.setLength(position);
    }
    file.getFD().sync(); // what a killed process wrote may not be on the disk yet
    this.end = position;
    this.written = records;
    this.durable = records;
  }

  /** Where the first record begins. */
  public long start() {
    return header.length();
  }

  /** The record at a position; null if none, or none that is whole, is there at the end. */
  private @Nullable Entry readAt(long position) throws IOException {
    long left = file.length() - position;
    if (left < FRAME) {
      return null;
    }
    byte[] frameBytes = new byte[FRAME];
    file.seek(position);
    file.readFully(frameBytes);
    ByteBuffer frame = ByteBuffer.wrap(frameBytes);
    int length = frame.getInt(0);
    if (frame.getInt(8) != checksum(frameBytes, 8) || length < 0 || length > MAX_RECORD) {
      throw new IOException("record at byte " + position + ": expected its checksum, got another");
    }
    if (left - FRAME < length) {
      return null;
    }
    byte[] payload = new byte[length];
    file.readFully(payload);
    if (frame.getInt(4) != checksum(payload, length)) {
      throw new IOException("record at byte " + position + ": expected its checksum, got another");
    }
    return new Entry(new String(payload, StandardCharsets.UTF_8), position + FRAME + length);
  }

  private static int checksum(byte[] bytes, int length) {
    CRC32C checksum = new CRC32C();
    checksum.update(bytes, 0, length);
    return (int) checksum.getValue();
  }

  /** A record that is on the disk, by the position that {@link Entry#next} gave. */
  public synchronized Entry read(long position) {
    try {
      Entry entry = position >= end ? null : readAt(position);
      checkArgument(entry != null, "%s: expected a record at byte %s, got none", path, position);
      return entry;
    } catch (IOException e) {
      throw new UncheckedIOException(path + ": " + e.getMessage(), e);
    }
  }

  /**
   * Writes a record, and returns when it is on the disk.
   *
   * @param limit how many records there may be
   * @return false if there are already so many; nothing was written then
   * @throws UncheckedIOException if it is not on the disk; it may be there after a restart
   */
  public boolean append(byte[] payload, long limit) {
    checkArgument(
        payload.length <= MAX_RECORD,
        "record: expected at most %s bytes, got %s",
        MAX_RECORD,
        payload.length);
    long number;
    synchronized (this) {
      checkUsable();
      if (written >= limit) {
        return false;
      }
      write(payload);
      number = ++written;
    }
    force(number);
    return true;
  }

  @GuardedBy("this")
  private void checkUsable() {
    checkState(unusable == null, "%s: expected an open journal, got one that %s", path, unusable);
  }

  @GuardedBy("this")
  private void write(byte[] payload) {
    ByteBuffer record = ByteBuffer.allocate(FRAME + payload.length);
    record.putInt(payload.length).putInt(checksum(payload, payload.length));
    record.putInt(checksum(record.array(), 8)).put(payload);
    try {
      file.seek(end);
      file.write(record.array());
      end += record.capacity();
    } catch (IOException e) {
      try {
        file.setLength(end);
      } catch (IOException again) {
        e.addSuppressed(again);
        unusable = "could not be written: " + e;
      }
      throw new UncheckedIOException(path + ": " + e.getMessage(), e);
    }
  }

  private void force(long number) {
    synchronized (forcing) {
      if (durable >= number) {
        return; // went with another's
      }
      long upTo;
      synchronized (this) {
        checkUsable();
        upTo = written;
      }
      try {
        file.getFD().sync();
      } catch (IOException e) {
        synchronized (this) {
          unusable = "could not be flushed: " + e; // what the disk holds is not known any more
        }
        throw new UncheckedIOException(path + ": " + e.getMessage(), e);
      }
      durable = upTo;
    }
  }

  /** How many records are on the disk. */
  public long records() {
    return durable;
  }

  @Override
  public void close() {
    synchronized (forcing) {
      synchronized (this) {
        if (unusable == null) {
          unusable = "was closed";
        }
        try (file) {
          if (lock.isValid()) {
            lock.release();
          }
        } catch (IOException e) {
          LOG.warn("{}: {}", path, e.toString());
        }
      }
    }
  }
}
