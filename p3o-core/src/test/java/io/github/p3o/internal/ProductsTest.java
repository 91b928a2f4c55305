package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class ProductsTest {

  private static final double START = 0.5;

  /** M, K, N. */
  private static final int[][] SIZES = {{3, 5, 4}, {1, 5, 4}, {3, 1, 4}, {3, 5, 1}, {1, 1, 1}};

  static Stream<Arguments> execute_ofMatricesWhereverTheyLie_multiplies() {
    return Stream.of(SIZES)
        .flatMap(
            sizes ->
                Stream.of(false, true)
                    .flatMap(
                        exchanged ->
                            Stream.of(0.0, 1.0).map(beta -> Arguments.of(sizes, exchanged, beta))));
  }

  @ParameterizedTest
  @MethodSource
  void execute_ofMatricesWhereverTheyLie_multiplies(int[] sizes, boolean exchanged, double beta) {
    for (DataType type : List.of(DataType.FLOAT, DataType.DOUBLE)) {
      for (boolean transposeA : new boolean[] {false, true}) {
        for (boolean transposeB : new boolean[] {false, true}) {
          for (INDArray a : layouts(1, sizes[0], sizes[1], transposeA, type)) {
            for (INDArray b : layouts(2, sizes[1], sizes[2], transposeB, type)) {
              INDArray output = Nd4j.valueArrayOf(new long[] {sizes[0], sizes[2]}, START, type);
              Products.Product product =
                  new Products.Product(output, a, transposeA, b, transposeB, beta);
              try (Step step = exchanged ? product.exchanged() : product.step()) {
                step.execute();
                assertProduct(a, transposeA, b, transposeB, beta * START, output);
                INDArray otherA = a.mul(3);
                INDArray otherB = b.mul(-2);
                step.setInput(0, otherA);
                step.setInput(1, otherB);
                output.assign(START);
                step.execute();
                assertProduct(otherA, transposeA, otherB, transposeB, beta * START, output);
              }
            }
          }
        }
      }
    }
  }

  /** Row by row, column by column, and as a part of something larger. */
  private static INDArray[] layouts(
      int seed, int rows, int columns, boolean transposed, DataType type) {
    int first = transposed ? columns : rows;
    int second = transposed ? rows : columns;
    return new INDArray[] {
      OpCheck.random(seed, first, second).castTo(type),
      OpCheck.random(seed, second, first).castTo(type).permute(1, 0),
      OpCheck.random(seed, first + 2, second + 3)
          .castTo(type)
          .get(NDArrayIndex.interval(1, first + 1), NDArrayIndex.interval(2, second + 2))
    };
  }

  private static void assertProduct(
      INDArray a,
      boolean transposeA,
      INDArray b,
      boolean transposeB,
      double before,
      INDArray output) {
    for (int row = 0; row < output.size(0); row++) {
      for (int column = 0; column < output.size(1); column++) {
        double sum = before;
        for (int k = 0; k < a.size(transposeA ? 0 : 1); k++) {
          double left = transposeA ? a.getDouble(k, row) : a.getDouble(row, k);
          double right = transposeB ? b.getDouble(column, k) : b.getDouble(k, column);
          sum += left * right;
        }
        assertThat(output.getDouble(row, column)).isCloseTo(sum, within(1e-5));
      }
    }
  }
}
