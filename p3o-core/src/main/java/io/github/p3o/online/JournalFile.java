package io.github.p3o.online;

import io.github.p3o.internal.AtomicFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * One file of a {@link Journal}: records, each of them its length, the CRC-32C of its bytes, the
 * CRC-32C of these 8 bytes (4 bytes each, big-endian), and its bytes. Length and checksum have a
 * checksum of their own, so that a record that a crash cut off at the end, or that a loss of power
 * left zeros in up to there, is told from one that was altered. The first record says what the file
 * is, and how many records the files before it had. Not for several threads at once.
 */
final class JournalFile implements Closeable {

  private static final Pattern HEADER =
      Pattern.compile("P3O feedback 2, from record ([0-9]{1,18})");

  /** Bytes before each record. */
  private static final int FRAME = 12;

  static final int MAX_RECORD = 1 << 24;

  /** What a disk writes whole or not at all; larger ones, and pages, are multiples of it. */
  private static final int SECTOR = 512;

  /** Bytes that are read at a time to see whether they are zeros. */
  private static final int BLOCK = 1 << 16;

  private record Read(String payload, long next) {}

  private final Path path;
  private final DiskFile file;
  private final long start;
  private final Set<String> ids = new HashSet<>();
  private final long firstFeedback;
  private final long firstRecord;
  private long length;
  private long records;

  /** Makes a file that is on the disk, without feedback, when this returns. */
  static void create(Path path, long firstRecord) throws IOException {
    byte[] header = frame(bytes("P3O feedback 2, from record " + firstRecord));
    AtomicFile.write(path, channel -> AtomicFile.writeFully(channel, ByteBuffer.wrap(header)));
  }

  /**
   * Opens a file and reads it once.
   *
   * @param start the position of its first byte in the journal
   * @throws IOException if it cannot be read, or was altered
   */
  JournalFile(Path path, DiskFile file, long start) throws IOException {
    this.path = path;
    this.file = file;
    this.start = start;
    Read header = readAt(0);
    Matcher matcher = HEADER.matcher(header == null ? "" : header.payload());
    if (header == null || !matcher.matches()) {
      throw new IOException("expected a journal of feedback, got another file");
    }
    firstRecord = Long.parseLong(matcher.group(1));
    firstFeedback = header.next();
    length = firstFeedback;
    for (Read read = readAt(length); read != null; read = readAt(length)) {
      ids.add(FeedbackText.read(read.payload()).id());
      length = read.next();
      records++;
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] frame(byte[] payload) {
    ByteBuffer record = ByteBuffer.allocate(FRAME + payload.length);
    record.putInt(payload.length).putInt(checksum(payload, payload.length));
    record.putInt(checksum(record.array(), 8)).put(payload);
    return record.array();
  }

  private static int checksum(byte[] bytes, int length) {
    CRC32C checksum = new CRC32C();
    checksum.update(bytes, 0, length);
    return (int) checksum.getValue();
  }

  /** The record at an offset; null if none, or none that is whole, is there at the end. */
  private @Nullable Read readAt(long offset) throws IOException {
    long left = file.length() - offset;
    if (left < FRAME) {
      return null;
    }
    byte[] frameBytes = new byte[FRAME];
    file.read(offset, frameBytes);
    ByteBuffer frame = ByteBuffer.wrap(frameBytes);
    int size = frame.getInt(0);
    if (size == 0 && isZeroFrom(offset)) {
      return null;
    }
    if (frame.getInt(8) != checksum(frameBytes, 8) || size < 0 || size > MAX_RECORD) {
      checkTorn(offset, offset + FRAME);
      return null;
    }
    if (left - FRAME < size) {
      return null;
    }
    long next = offset + FRAME + size;
    byte[] payload = new byte[size];
    file.read(offset + FRAME, payload);
    if (frame.getInt(4) != checksum(payload, size)) {
      checkTorn(offset, next);
      return null;
    }
    return new Read(new String(payload, StandardCharsets.UTF_8), next);
  }

  /**
   * Checks that what is wrong with a record is what a loss of power leaves of a write of which the
   * first sectors came to the disk: zeros from a sector within it to the end of the file. A record
   * that was flushed ends in a brace, and what follows it is not zero.
   *
   * @param end behind the bytes of it that are known to be there
   * @throws IOException if not: it was altered
   */
  private void checkTorn(long offset, long end) throws IOException {
    long lastSector = (end - 1) / SECTOR * SECTOR;
    if (lastSector <= offset || !isZeroFrom(lastSector)) {
      throw new IOException("record at byte " + offset + ": expected its checksum, got another");
    }
  }

  /** What a loss of power leaves of a write whose length alone came to the disk. */
  private boolean isZeroFrom(long offset) throws IOException {
    for (long at = offset; at < file.length(); at += BLOCK) {
      byte[] block = new byte[(int) Math.min(file.length() - at, BLOCK)];
      file.read(at, block);
      if (!IntStream.range(0, block.length).allMatch(i -> block[i] == 0)) {
        return false;
      }
    }
    return true;
  }

  /** Bytes that a crash left of a record at the end. */
  long tornBytes() throws IOException {
    return file.length() - length;
  }

  void cutTornBytes() throws IOException {
    file.cut(length);
  }

  Path path() {
    return path;
  }

  /** How many records the files before this one had. */
  long firstRecord() {
    return firstRecord;
  }

  /** How many records this file and those before it have. */
  long lastRecord() {
    return firstRecord + records;
  }

  /** The position in the journal of the first byte of the next file. */
  long end() {
    return start + length;
  }

  long length() {
    return length;
  }

  boolean knows(String id) {
    return ids.contains(id);
  }

  /** The feedback at a position in the journal, which may be that of the header before it. */
  Journal.Entry read(long position) throws IOException {
    long offset = Math.max(position - start, firstFeedback);
    Read read = offset >= length ? null : readAt(offset);
    if (read == null) {
      throw new IOException("expected a record at byte " + offset + ", got none");
    }
    return new Journal.Entry(FeedbackText.read(read.payload()), start + read.next());
  }

  /**
   * Writes a record at the end, not yet flushed.
   *
   * @throws IOException if it could not; the file is as before
   * @throws UnusableException if it is not
   */
  void append(String id, byte[] payload) throws IOException {
    byte[] record = frame(payload);
    try {
      file.write(length, record);
    } catch (IOException e) {
      try {
        file.cut(length);
      } catch (IOException again) {
        e.addSuppressed(again);
        throw new UnusableException(e);
      }
      throw e;
    }
    length += record.length;
    records++;
    ids.add(id);
  }

  /** What was written can neither be finished nor taken back. */
  static final class UnusableException extends IOException {
    private static final long serialVersionUID = 1;

    UnusableException(IOException cause) {
      super(cause.getMessage(), cause);
    }
  }

  void sync() throws IOException {
    file.sync();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  /** Closes and deletes it; if it throws, it can be called again. */
  void delete() throws IOException {
    try {
      file.close();
    } finally {
      Files.deleteIfExists(path);
    }
  }
}
