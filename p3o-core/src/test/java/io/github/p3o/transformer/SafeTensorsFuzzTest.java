package io.github.p3o.transformer;

import static io.github.p3o.transformer.SafeTensorsFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.ByteRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A damaged file gives a {@link CheckpointException} or tensors, nothing else. */
class SafeTensorsFuzzTest {

  private static final String HEADER =
      "{\"__metadata__\":{\"format\":\"pt\"},"
          + entry("model.a", "F64", "[1,3]", 0, 24)
          + ","
          + entry("b", "F32", "[2,2]", 24, 40)
          + ","
          + entry("c", "F16", "[4]", 40, 48)
          + ","
          + entry("d", "BF16", "[]", 48, 50)
          + ","
          + entry("e", "I64", "[0]", 50, 50)
          + "}   ";

  private static final byte[] VALID = SafeTensorsFiles.bytes(HEADER, new byte[50]);

  private static Path file = Path.of("");

  @BeforeContainer
  static void makeFile() throws IOException {
    file = Files.createTempFile("fuzz", ".safetensors");
  }

  @AfterContainer
  static void deleteFile() throws IOException {
    Files.delete(file);
  }

  @Property(tries = 2000)
  void read_withBytesFlipped_throwsOrReads(
      @ForAll @Size(min = 1, max = 4) List<@IntRange(max = 399) Integer> places,
      @ForAll byte value) {
    byte[] damaged = VALID.clone();
    for (int place : places) {
      damaged[place % damaged.length] ^= (byte) (value * (place + 1));
    }

    readAll(damaged);
  }

  @Property(tries = 2000)
  void read_withJsonCharactersChanged_throwsOrReads(
      @ForAll @Size(min = 1, max = 3) List<@IntRange(max = 399) Integer> places,
      @ForAll @IntRange(max = 22) int character) {
    byte[] damaged = VALID.clone();
    for (int place : places) {
      int at = 8 + place % HEADER.length();
      damaged[at] = (byte) "0123456789-+.eE[]{},:\" ".charAt((character + place) % 23);
    }

    readAll(damaged);
  }

  @Property(tries = 500)
  void read_cutShort_throws(@ForAll @IntRange(max = 399) int length) {
    assertThat(readAll(Arrays.copyOf(VALID, length % VALID.length))).isFalse();
  }

  @Property(tries = 1000)
  void read_ofAnyBytes_throwsOrReads(
      @ForAll @Size(max = 60) byte[] bytes, @ForAll @ByteRange(max = 60) byte length) {
    byte[] damaged = Arrays.copyOf(new byte[] {length}, 8 + bytes.length);
    System.arraycopy(bytes, 0, damaged, 8, bytes.length);
    if (bytes.length > 0) {
      damaged[8] = '{';
    }

    readAll(damaged);
  }

  /** What one number of a header is changed to, or by. */
  @Provide
  Arbitrary<Long> numbers() {
    return Arbitraries.oneOf(
        Arbitraries.longs().between(-40, 40),
        Arbitraries.longs(),
        Arbitraries.of(1L << 31, 1L << 32, 1L << 60, Long.MAX_VALUE, Long.MIN_VALUE));
  }

  /**
   * Tensors follow each other without a gap, each as long as its shape says: with any one number
   * changed, or a tensor moved over another, a file is refused when it is opened.
   */
  @Property(tries = 2000)
  void open_withAnOffsetOrALengthChanged_throws(
      @ForAll @Size(min = 1, max = 4) List<@IntRange(min = 1, max = 5) Integer> lengths,
      @ForAll @IntRange(max = 3) int which,
      @ForAll @IntRange(max = 3) int number,
      @ForAll("numbers") long by) {
    StringBuilder header = new StringBuilder("{");
    long begin = 0;
    for (int i = 0; i < lengths.size(); i++) {
      long change = i == which % lengths.size() ? by : 0;
      long end = begin + 4L * lengths.get(i);
      header
          .append(i == 0 ? "" : ",")
          .append(
              entry(
                  "t" + i,
                  "F32",
                  "[" + (lengths.get(i) + (number == 0 ? change : 0)) + "]",
                  begin + (number == 1 || number == 3 ? change : 0),
                  end + (number == 2 || number == 3 ? change : 0)));
      begin = end;
    }
    byte[] file = SafeTensorsFiles.bytes(header + "}", new byte[(int) begin]);

    long native0 = Pointer.totalBytes();
    assertThat(readAll(file)).isEqualTo(by == 0);
    assertThat(Pointer.totalBytes() - native0).isLessThan(1 << 20);
  }

  /** Whether it could be read. */
  private static boolean readAll(byte[] bytes) {
    try {
      Files.write(file, bytes);
      try (SafeTensors tensors = SafeTensors.open(file)) {
        for (String name : tensors.names()) {
          try (INDArray array = tensors.read(name, DataType.FLOAT)) {
            assertThat(array.shape()).isEqualTo(tensors.shape(name).toArray());
          }
        }
        return true;
      }
    } catch (CheckpointException e) {
      return false;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
