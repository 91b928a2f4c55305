package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class VectorBytesTest {

  /** More than are summed at once, and no multiple of it. */
  private static final int LENGTH = 10_001;

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
    float[][] parts = new float[5][LENGTH];
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
    INDArray sum = Nd4j.create(DataType.FLOAT, LENGTH);
    VectorBytes.write(new byte[][] {VectorBytes.sum(bytes, DataType.FLOAT)}, sum);
    for (int i = 0; i < LENGTH; i++) {
      double exact = 0;
      for (float[] part : parts) {
        exact += part[i];
      }
      assertThat(sum.getFloat(i)).isEqualTo((float) exact);
    }
  }

  @Test
  void sum_ofOneVector_isItsBits() {
    byte[] negativeZero = VectorBytes.read(Nd4j.createFromArray(-0.0f), 1)[0];
    assertThat(VectorBytes.sum(List.of(negativeZero), DataType.FLOAT)).isEqualTo(negativeZero);
  }

  @Test
  void write_slicesOfAnotherLength_areRefused() {
    INDArray vector = Nd4j.create(DataType.FLOAT, 5);
    assertThatThrownBy(() -> VectorBytes.write(new byte[][] {new byte[8], new byte[8]}, vector))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("slices[1]: expected 12 bytes, got 8");
  }

  @Test
  void readAndWrite_aPartOfAWiderArray_reachThatPartAlone() {
    INDArray wide = Nd4j.createFromArray(1f, 2f, 3f, 4f);
    INDArray part = wide.get(NDArrayIndex.interval(1, 3));
    byte[][] read = VectorBytes.read(part, 2);
    assertThat(read).isDeepEqualTo(VectorBytes.read(Nd4j.createFromArray(2f, 3f), 2));
    VectorBytes.write(new byte[][] {read[1], read[0]}, part);
    assertThat(wide.toFloatVector()).containsExactly(1, 3, 2, 4);
  }

  @Test
  void read_valuesThatAreNotSideBySide_isRefused() {
    INDArray column = Nd4j.create(DataType.FLOAT, 3, 2).getColumn(0);
    assertThatThrownBy(() -> VectorBytes.read(column, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("vector: expected values side by side, got a stride of 2");
  }

  @Test
  void slices_areAsManyAsAreUsefulAndNoLargerThanAnArray() {
    assertThat(VectorBytes.slices(100, 8)).isEqualTo(1);
    assertThat(VectorBytes.slices(40L << 20, 8)).isEqualTo(8);
    assertThat(VectorBytes.slices(3L << 20, 8)).isEqualTo(3);
    assertThat(VectorBytes.slices(4L << 30, 8)).isEqualTo(64);
  }
}
