package io.github.p3o.transformer;

import static io.github.p3o.transformer.SafeTensorsFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that lie: each is refused for the rule that it breaks. */
class SafeTensorsMalformedTest {

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7})
  void open_ofAFileShorterThanItsLength_throws(int length) throws IOException {
    assertRefused(new byte[length], "file: expected at least 8 bytes, got " + length);
  }

  @ParameterizedTest
  @CsvSource({
    "-1, 'expected at most 100000000 bytes, got 18446744073709551615'",
    "9223372036854775807, 'expected at most 100000000 bytes, got 9223372036854775807'",
    "100000001, 'expected at most 100000000 bytes, got 100000001'",
    "100000000, 'expected at most the 2 bytes left, got 100000000'",
    "3, 'expected at most the 2 bytes left, got 3'",
    "1, 'header: expected JSON, got: '",
    "0, 'expected a JSON object, got something else'"
  })
  void open_ofAHeaderThatLiesAboutItsLength_throws(long length, String message) throws IOException {
    byte[] bytes =
        ByteBuffer.allocate(10)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(length)
            .put(new byte[] {'{', '}'})
            .array();

    assertRefused(bytes, message);
  }

  @Test
  void open_ofAFileCutShortAnywhere_throws() throws IOException {
    byte[] whole =
        SafeTensorsFiles.bytes(
            "{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "F64", "[]", 8, 16) + "}",
            new byte[16]);
    SafeTensors.open(write(whole)).close();
    for (int length = 0; length < whole.length; length++) {
      assertRefused(Arrays.copyOf(whole, length), "expected ");
    }
    assertRefused(
        Arrays.copyOf(whole, whole.length + 1),
        "file: expected 16 bytes of tensors behind the header, got 17");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a F32 [2] 0 8, b F32 [2] 4 12 | b.data_offsets: expected to begin at 8, where the last",
        "a F32 [2] 0 8, b F32 [2] 0 8 | b.data_offsets: expected to begin at 8, where the last",
        "a F32 [2] 0 8, b F32 [1] 12 16 | b.data_offsets: expected to begin at 8, where the last",
        "a F32 [2] 8 16 | a.data_offsets: expected to begin at 0, where the last tensor ends, got"
            + " 8",
        "a F32 [2] 0 8 | file: expected 8 bytes of tensors behind the header, got 16",
        "a F32 [6] 0 24 | file: expected 24 bytes of tensors behind the header, got 16",
        "a F32 [4] 0 12 | a.data_offsets: expected 16 bytes, as of F32[4], got [0, 12]",
        "a F32 [4] 16 0 | a.data_offsets: expected 16 bytes",
        "a F32 [4] -16 0 | a.data_offsets: expected at most 2 whole numbers ≥ 0, got -16",
        "a F32 [-4] 0 16 | a.shape: expected at most 32 whole numbers ≥ 0, got -4",
        "a F32 [4.0] 0 16 | a.shape: expected at most 32 whole numbers ≥ 0, got 4.0",
        "a F32 [[4]] 0 16 | a.shape: expected at most 32 whole numbers ≥ 0, got [",
        "a F32 4 0 16 | a.shape: expected at most 32 whole numbers ≥ 0, got 4",
        "a F32 null 0 16 | a.shape: expected at most 32 whole numbers ≥ 0, got null",
        "a F32 [4611686018427387904;4] 0 16 | a.shape: expected less than 2^63 bytes",
        "a F32 [4611686018427387904;0;4] 0 16 | a.shape: expected less than 2^63 bytes",
        "a F32 [4294967296;1073741824] 0 16 | a.shape: expected less than 2^63 bytes",
        "a F32 [9223372036854775808] 0 16 | header: expected JSON, got: ",
        "a F31 [4] 0 16 | a.dtype: expected one of [BOOL, U8, ",
        "a f32 [4] 0 16 | a.dtype: expected one of [BOOL, U8, ",
        "a F32 [4] 0 16, a F32 [4] 0 16 | header: expected JSON, got: Duplicate"
      })
  void open_ofTensorsThatDoNotFit_throws(String tensors, String message) throws IOException {
    StringBuilder header = new StringBuilder("{");
    for (String tensor : tensors.split(", ", -1)) {
      String[] part = tensor.split(" ", -1);
      header
          .append(header.length() == 1 ? "" : ",")
          .append(
              entry(
                  part[0],
                  part[1],
                  part[2].replace(';', ','),
                  Long.parseLong(part[3]),
                  Long.parseLong(part[4])));
    }

    assertRefused(SafeTensorsFiles.bytes(header + "}", new byte[16]), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        " {}",
        "{} {}",
        "{}x",
        "{",
        "{\"a\"}",
        "{\"a\":1}",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0,0]}}",
        "{\"a\":{\"dtype\":1,\"shape\":[0],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0],\"more\":1}}",
        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
        "{\"__metadata__\":{},\"__metadata__\":{}}",
        "{\"__metadata__\":1}",
        "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":{\"a\":{}}}",
        "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"
      })
  void open_ofAHeaderOfAnotherForm_throws(String header) throws IOException {
    assertRefused(SafeTensorsFiles.bytes(header), "");
  }

  @Test
  void open_ofAShapeOfManyDimensions_throws() throws IOException {
    String shape = "[1" + ",1".repeat(32) + "]";

    assertRefused(
        SafeTensorsFiles.bytes("{" + entry("a", "F32", shape, 0, 4) + "}", new byte[4]),
        "a.shape: expected at most 32 whole numbers ≥ 0");
  }

  @Test
  void open_ofDeepJson_throws() throws IOException {
    assertRefused(SafeTensorsFiles.bytes("{\"a\":".repeat(100_000)), "a");
    assertRefused(
        SafeTensorsFiles.bytes("{\"__metadata__\":" + "[".repeat(100_000)), "__metadata__");
  }

  @Test
  void open_ofMoreTensorsThanAnyModelHas_throws() throws IOException {
    StringBuilder header = new StringBuilder("{");
    for (int i = 0; i <= 500_000; i++) {
      header.append(i == 0 ? "" : ",").append(entry("t" + i, "U8", "[0]", 0, 0));
    }

    assertRefused(
        SafeTensorsFiles.bytes(header + "}"), "header: expected at most 500000 tensors, got more");
  }

  @Test
  void open_ofAHeaderThatIsNoUtf8_throws() throws IOException {
    byte[] json = "{\"__metadata__\":{\"a\":\"ü\"}}".getBytes(StandardCharsets.ISO_8859_1);
    byte[] bytes =
        ByteBuffer.allocate(8 + json.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(json.length)
            .put(json)
            .array();

    assertRefused(bytes, "header: expected UTF-8, got other bytes");
  }

  private void assertRefused(byte[] bytes, String message) throws IOException {
    Path file = write(bytes);
    assertThatThrownBy(() -> SafeTensors.open(file).close())
        .isInstanceOfSatisfying(
            CheckpointException.class, e -> assertThat(e.file()).isEqualTo(file))
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message);
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(directory.resolve("model.safetensors"), bytes);
  }
}
