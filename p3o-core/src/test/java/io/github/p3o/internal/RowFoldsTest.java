package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowFoldsTest {

  private static final RowFolds FOLDS = new RowFolds(); // one for all: it is used again and again

  private static float[] row(int from, int n, int seed) {
    float[] row = new float[from + n + 3];
    Arrays.fill(row, 1e30f); // what lies around the row must not be read
    for (int i = 0; i < n; i++) {
      row[from + i] = (float) Math.sin(1e3 * seed + i * i);
    }
    return row;
  }

  private static double[] exact(float[] row, int from, int n) {
    return IntStream.range(from, from + n).mapToDouble(i -> row[i]).toArray();
  }

  @Property
  void sumAndMax_ofAnyPartOfARow_areThoseInFloat64(
      @ForAll @IntRange(max = 40) int from,
      @ForAll @IntRange(min = 1, max = 9000) int n,
      @ForAll @IntRange(max = 1000) int seed) {
    float[] row = row(from, n, seed);
    double[] exact = exact(row, from, n);

    assertThat((double) FOLDS.sum(row, from, n))
        .isCloseTo(Arrays.stream(exact).sum(), within(2e-6 * Math.max(1, Math.sqrt(n))));
    assertThat((double) FOLDS.max(row, from, n)).isEqualTo(Arrays.stream(exact).max().orElse(0));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 511, 512, 513, 2047, 2048, 2051, 50_257})
  void max_whereverItLies_isFound(int n) {
    float[] row = new float[n];
    Arrays.fill(row, Float.NEGATIVE_INFINITY);
    assertThat(FOLDS.max(row, 0, n)).isEqualTo(Float.NEGATIVE_INFINITY);
    for (int at = 0; at < n; at += Math.max(1, n / 600)) {
      row[at] = -at - 1f;
      assertThat(FOLDS.max(row, 0, n)).isEqualTo(-at - 1f);
      row[at] = Float.NaN;
      assertThat(FOLDS.max(row, 0, n)).isNaN();
      assertThat(FOLDS.sum(row, 0, n)).isNaN();
      row[at] = Float.NEGATIVE_INFINITY;
    }
    row[n - 1] = 3;
    assertThat(FOLDS.max(row, 0, n)).isEqualTo(3);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 511, 512, 513, 2051, 50_257})
  void sum_ofOnes_isTheirNumber(int n) {
    float[] row = new float[n];
    Arrays.fill(row, 1);

    assertThat(FOLDS.sum(row, 0, n)).isEqualTo(n);
  }
}
