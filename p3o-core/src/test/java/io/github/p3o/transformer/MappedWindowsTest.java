package io.github.p3o.transformer;

import static io.github.p3o.transformer.SafeTensorsFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Windows of any size hold each tensor's bytes whole. */
@Tag("cpu")
class MappedWindowsTest {

  private Path file = Path.of("");

  /** A file of random bytes, in tensors of so many floats. */
  private byte[] write(List<Integer> lengths) throws IOException {
    StringBuilder header = new StringBuilder("{");
    int begin = 0;
    for (int i = 0; i < lengths.size(); i++) {
      int end = begin + 4 * lengths.get(i);
      header
          .append(i == 0 ? "" : ",")
          .append(entry("t" + i, "F32", "[" + lengths.get(i) + "]", begin, end));
      begin = end;
    }
    byte[] data = new byte[begin];
    new Random(begin).nextBytes(data);
    // A new one each time, as what is mapped is not to be written to.
    file = Files.createTempFile("windows", ".safetensors");
    file.toFile().deleteOnExit();
    SafeTensorsFiles.write(file, header + "}", data);
    return data;
  }

  @Property(tries = 200)
  void bytes_ofEveryTensor_areTheFiles(
      @ForAll @Size(min = 1, max = 12) List<@IntRange(min = 1, max = 40) Integer> lengths,
      @ForAll @IntRange(min = 1, max = 300) int maxBytes)
      throws IOException {
    byte[] data = write(lengths);
    try (FileChannel channel = FileChannel.open(file)) {
      SafeTensorsHeader header = SafeTensorsHeader.read(file, channel);
      MappedWindows windows = new MappedWindows(channel, header, maxBytes);
      int fitting = 0;
      for (TensorEntry tensor : header.tensors().values()) {
        int length = (int) (tensor.end() - tensor.begin());
        if (length <= maxBytes) {
          fitting++;
          assertThat(windows.bytes(tensor))
              .isEqualTo(ByteBuffer.wrap(data, (int) tensor.begin(), length));
        }
      }
      assertThat(windows.count()).isBetween(fitting == 0 ? 0 : 1, fitting);
      if (maxBytes >= data.length) {
        assertThat(windows.count()).isEqualTo(1);
      }
    }
  }

  @Example
  void map_ofAFileThatWasCutShort_throws() throws IOException {
    write(List.of(5, 6));
    try (SafeTensors tensors = SafeTensors.open(file)) {
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(Files.size(file) - 1);
      }
      assertThatThrownBy(() -> tensors.map("t1"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("file: expected to be mappable, got ");
    }
  }

  /** The array alone keeps what it lies in. */
  @Example
  void map_ofATensor_staysWhenAllElseIsGone() throws IOException {
    byte[] data = write(List.of(3, 7));
    INDArray array;
    try (SafeTensors tensors = SafeTensors.open(file)) {
      array = tensors.map("t1");
    }
    for (int i = 0; i < 5; i++) {
      System.gc();
    }
    float[] expected = new float[7];
    ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).position(12).asFloatBuffer().get(expected);
    assertThat(array.toFloatVector()).isEqualTo(expected);
    array.close();
  }
}
