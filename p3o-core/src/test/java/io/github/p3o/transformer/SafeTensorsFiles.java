package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.nd4j.linalg.api.buffer.DataType;

/** Writes safetensors files byte by byte, broken ones too, and takes them apart. */
final class SafeTensorsFiles {

  private SafeTensorsFiles() {}

  /** A file of this header, whatever it says, and this data. */
  static Path write(Path file, String header, byte... data) throws IOException {
    return Files.write(file, bytes(header, data));
  }

  /** The bytes of such a file. */
  static byte[] bytes(String header, byte... data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(Long.BYTES + json.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }

  /** The header of a file without the spaces behind it. */
  static String header(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    return new String(bytes, Long.BYTES, headerLength(bytes), StandardCharsets.UTF_8)
        .stripTrailing();
  }

  /** The tensors of a file, side by side. */
  static byte[] data(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    return Arrays.copyOfRange(bytes, Long.BYTES + headerLength(bytes), bytes.length);
  }

  private static int headerLength(byte... bytes) {
    return Math.toIntExact(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong());
  }

  /** Checks that two files have the same float32 tensors, in whatever order. */
  static void assertSameTensors(Path actual, Path expected) {
    try (SafeTensors theirs = SafeTensors.open(expected);
        SafeTensors ours = SafeTensors.open(actual)) {
      assertThat(ours.names()).isEqualTo(theirs.names());
      for (String name : theirs.names()) {
        assertThat(ours.read(name, DataType.FLOAT))
            .as(name)
            .isEqualTo(theirs.read(name, DataType.FLOAT));
      }
    }
  }

  /** Checks that two files differ in the spaces behind their headers at most. */
  static void assertSameButForSpaces(Path actual, Path expected) throws IOException {
    assertThat(header(actual)).isEqualTo(header(expected));
    assertThat(data(actual)).isEqualTo(data(expected));
  }

  /** The entry of one tensor in a header. */
  static String entry(String name, String type, String shape, long begin, long end) {
    return String.format(
        Locale.ROOT,
        "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
        name,
        type,
        shape,
        begin,
        end);
  }
}
