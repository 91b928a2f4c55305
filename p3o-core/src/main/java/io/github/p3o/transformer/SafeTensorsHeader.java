package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * What a safetensors file says of itself: 8 bytes of length, then JSON of that length, then the
 * tensors' bytes side by side.
 *
 * @param metadata the file's own notes
 * @param tensors where each lies, in the order of the JSON
 * @param dataStart the header's end, in bytes from the start of the file
 */
record SafeTensorsHeader(
    ImmutableMap<String, String> metadata,
    ImmutableMap<String, TensorEntry> tensors,
    long dataStart) {

  /** The limit that the format's own reader sets. */
  static final long MAX_LENGTH = 100_000_000;

  static final String METADATA = "__metadata__";

  /** Of the header's length, which a file begins with. */
  static final int LENGTH_BYTES = 8;

  /**
   * Reads and checks a header.
   *
   * @throws CheckpointException if it breaks a rule of the format; nothing that it announces has
   *     been allocated then
   */
  static SafeTensorsHeader read(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < LENGTH_BYTES) {
      throw new CheckpointException(file, "file: expected at least 8 bytes", size);
    }
    long length = readFully(file, channel, 0, LENGTH_BYTES).getLong();
    if (length < 0 || length > MAX_LENGTH) {
      throw new CheckpointException(
          file, "header: expected at most 100000000 bytes", Long.toUnsignedString(length));
    }
    long dataStart = LENGTH_BYTES + length;
    if (dataStart > size) {
      throw new CheckpointException(
          file, "header: expected at most the " + (size - LENGTH_BYTES) + " bytes left", length);
    }
    ByteBuffer json = readFully(file, channel, LENGTH_BYTES, (int) length);
    SafeTensorsHeader header = parse(file, json, dataStart);
    checkTiling(file, header.tensors, size - dataStart);
    return header;
  }

  /** Reads exactly so many bytes, little-endian. */
  static ByteBuffer readFully(Path file, FileChannel channel, long position, int length)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    fill(file, channel, position, bytes);
    return bytes;
  }

  /** Fills a buffer from a place in the file and flips it. */
  static void fill(Path file, FileChannel channel, long position, ByteBuffer bytes)
      throws IOException {
    long start = position - bytes.position();
    while (bytes.hasRemaining()) {
      if (channel.read(bytes, start + bytes.position()) < 0) {
        throw new CheckpointException(
            file,
            "file: expected " + (start + bytes.limit()) + " bytes as when it was opened",
            start + bytes.position());
      }
    }
    bytes.flip();
  }

  private static SafeTensorsHeader parse(Path file, ByteBuffer json, long dataStart)
      throws IOException {
    if (!json.hasRemaining() || json.get(0) != '{') {
      throw new CheckpointException(file, "header: expected a JSON object", "something else");
    }
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(json).toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file, "header: expected UTF-8, got other bytes", e);
    }
    return SafeTensorsHeaderParser.parse(file, text, dataStart);
  }

  /** Every byte behind the header belongs to exactly one tensor. */
  private static void checkTiling(Path file, Map<String, TensorEntry> tensors, long dataLength) {
    List<Map.Entry<String, TensorEntry>> byPlace =
        tensors.entrySet().stream()
            .sorted(
                Map.Entry.comparingByValue(
                    Comparator.comparingLong(TensorEntry::begin)
                        .thenComparingLong(TensorEntry::end)))
            .toList();
    long next = 0;
    for (Map.Entry<String, TensorEntry> tensor : byPlace) {
      if (tensor.getValue().begin() != next) {
        throw new CheckpointException(
            file,
            tensor.getKey()
                + ".data_offsets: expected to begin at "
                + next
                + ", where the last"
                + " tensor ends",
            tensor.getValue().begin());
      }
      next = tensor.getValue().end();
    }
    if (next != dataLength) {
      throw new CheckpointException(
          file, "file: expected " + next + " bytes of tensors behind the header", dataLength);
    }
  }
}
