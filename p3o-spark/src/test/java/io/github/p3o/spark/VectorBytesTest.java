package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class VectorBytesTest {

  @Property(tries = 50)
  void write_whatWasRead_isTheSameVector(
      @ForAll @IntRange(min = 1, max = 100) int length,
      @ForAll @IntRange(min = 1, max = 7) int slices,
      @ForAll boolean wide) {
    DataType type = wide ? DataType.DOUBLE : DataType.FLOAT;
    int some = Math.min(slices, length);
    try (INDArray vector = Nd4j.rand(type, length);
        INDArray copy = Nd4j.create(type, length)) {
      VectorBytes.write(VectorBytes.read(vector, some), copy);
      assertThat(copy.toDoubleVector()).containsExactly(vector.toDoubleVector());
    }
  }

  /** Against plain Java; cancelling terms show that the sum is in float64. */
  @Test
  void sum_ofFloats_isRoundedOnce() {
    Random random = new Random(2);
    float[][] parts = new float[5][40];
    for (float[] part : parts) {
      for (int i = 0; i < part.length; i++) {
        part[i] = (float) random.nextGaussian();
      }
    }
    parts[0][0] = 1e8f;
    parts[1][0] = 1;
    parts[2][0] = -1e8f;
    List<byte[]> bytes =
        List.of(parts).stream()
            .map(Nd4j::createFromArray)
            .map(vector -> VectorBytes.read(vector, 1)[0])
            .toList();
    INDArray sum = Nd4j.create(DataType.FLOAT, 40);
    VectorBytes.write(new byte[][] {VectorBytes.sum(bytes, DataType.FLOAT)}, sum);
    for (int i = 0; i < 40; i++) {
      double exact = 0;
      for (float[] part : parts) {
        exact += part[i];
      }
      assertThat(sum.getFloat(i)).isEqualTo((float) exact);
    }
  }

  @Test
  void slices_areAsManyAsAreUsefulAndNoLargerThanAnArray() {
    assertThat(VectorBytes.slices(100, 8)).isEqualTo(1);
    assertThat(VectorBytes.slices(40L << 20, 8)).isEqualTo(8);
    assertThat(VectorBytes.slices(3L << 20, 8)).isEqualTo(3);
    assertThat(VectorBytes.slices(4L << 30, 8)).isEqualTo(64);
  }
}
