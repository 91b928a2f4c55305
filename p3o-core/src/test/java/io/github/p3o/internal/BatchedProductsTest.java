package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

@Tag("device")
class BatchedProductsTest {

  @ParameterizedTest
  @CsvSource({
    "false, false, DOUBLE", "true, false, DOUBLE", "false, true, DOUBLE", "true, true, DOUBLE",
    "false, false, FLOAT", "true, false, FLOAT", "false, true, FLOAT", "true, true, FLOAT"
  })
  void execute_ofMatricesWhereverTheyLie_multipliesEach(
      boolean transposeA, boolean transposeB, DataType type) {
    multiply(3, 5, 4, transposeA, transposeB, type);
    multiply(1, 5, 4, transposeA, transposeB, type);
    multiply(3, 1, 4, transposeA, transposeB, type);
    multiply(3, 5, 1, transposeA, transposeB, type);
    multiply(1, 5, 1, transposeA, transposeB, type);
    multiply(1, 1, 1, transposeA, transposeB, type);
  }

  /** M × K times K × N. */
  private static void multiply(
      int m, int k, int n, boolean transposeA, boolean transposeB, DataType type) {
    INDArray[] as = layouts(1, transposeA ? k : m, transposeA ? m : k, type);
    INDArray[] bs = layouts(2, transposeB ? n : k, transposeB ? k : n, type);
    for (INDArray a : as) {
      for (INDArray b : bs) {
        assertThat(BatchedProducts.takes(a, b)).isTrue();
        INDArray output = Nd4j.valueArrayOf(new long[] {2, 3, m, n}, Double.NaN, type);
        BatchedProducts products = new BatchedProducts(a, transposeA, b, transposeB, output);
        products.execute();
        assertProducts(a, transposeA, b, transposeB, output);
        products.setInput(1, bs[0]);
        products.setInput(0, as[0]);
        products.execute();
        assertProducts(as[0], transposeA, bs[0], transposeB, output);
        products.close();
      }
    }
  }

  /** Row by row, column by column, and as a part of something larger. */
  private static INDArray[] layouts(int seed, int rows, int columns, DataType type) {
    return new INDArray[] {
      OpCheck.random(seed, 2, 3, rows, columns).castTo(type),
      OpCheck.random(seed, 2, 3, columns, rows).castTo(type).permute(0, 1, 3, 2),
      OpCheck.random(seed, 4, 3, rows, columns).castTo(type).get(NDArrayIndex.interval(1, 3))
    };
  }

  private static void assertProducts(
      INDArray a, boolean transposeA, INDArray b, boolean transposeB, INDArray output) {
    for (int i = 0; i < 2; i++) {
      for (int j = 0; j < 3; j++) {
        for (int row = 0; row < output.size(2); row++) {
          for (int column = 0; column < output.size(3); column++) {
            double sum = 0;
            for (int k = 0; k < a.size(transposeA ? 2 : 3); k++) {
              double left = transposeA ? a.getDouble(i, j, k, row) : a.getDouble(i, j, row, k);
              double right =
                  transposeB ? b.getDouble(i, j, column, k) : b.getDouble(i, j, k, column);
              sum += left * right;
            }
            assertThat(output.getDouble(i, j, row, column)).isCloseTo(sum, within(1e-5));
          }
        }
      }
    }
  }
}
