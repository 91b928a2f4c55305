package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class OneHotSumsTest {

  private static final int ROWS = 20;
  private static final int WIDTH = 33;

  @ParameterizedTest
  @CsvSource({"1, 1", "40, 40", "500, 300", "2500, 1024", "2048, 1024"})
  void execute_onceAndAgain_sumsEveryUpdate(int count, int atATime) {
    int[] ids = new Random(1).ints(count, 0, ROWS).map(id -> id == 7 ? 8 : id).toArray();
    int[] others = new Random(2).ints(count, 0, ROWS).toArray();
    INDArray updates = OpCheck.random(2, count, WIDTH);
    INDArray output = Nd4j.ones(DataType.DOUBLE, ROWS, WIDTH);
    INDArray oneHot = Nd4j.valueArrayOf(new long[] {atATime, ROWS}, Double.NaN, DataType.DOUBLE);

    OneHotSums sums = new OneHotSums(updates, Nd4j.createFromArray(ids), output, oneHot);
    sums.execute();
    sums.execute();
    assertSums(output, updates, ids);
    assertThat(output.getRow(7).toDoubleVector()).containsOnly(0);

    INDArray more = OpCheck.random(3, count, WIDTH);
    sums.setInput(0, more);
    sums.setInput(1, Nd4j.createFromArray(others));
    sums.execute();
    assertSums(output, more, others);
    sums.close();
  }

  private static void assertSums(INDArray output, INDArray updates, int[] ids) {
    double[] expected = new double[ROWS * WIDTH];
    for (int i = 0; i < ids.length; i++) {
      for (int j = 0; j < WIDTH; j++) {
        expected[ids[i] * WIDTH + j] += updates.getDouble(i, j);
      }
    }
    assertThat(output.dup('c').data().asDouble()).containsExactly(expected, within(1e-11));
  }
}
