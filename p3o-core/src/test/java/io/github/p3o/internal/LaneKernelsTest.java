package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LaneKernelsTest {

  @Test
  void comparisons_ofZeros_doNotSeeTheSign() {
    double[] out = new double[3];
    double[] zeros = {0.0, -0.0, Double.MIN_VALUE};
    LaneKernels.less(out, zeros, 0, 3);
    assertThat(out).containsExactly(0, 0, 0);
    LaneKernels.greater(out, zeros, 0, 3);
    assertThat(out).containsExactly(0, 0, 1);
    LaneKernels.greater(out, zeros, new double[] {-0.0, 0.0, 0.0}, 3);
    assertThat(out).containsExactly(0, 0, 1);
    LaneKernels.nonzero(out, zeros, 3);
    assertThat(out).containsExactly(0, 0, 1);
  }

  @Test
  void comparisons_ofNeighboursAndExtremes_areExact() {
    double[] a = {1, Math.nextUp(1.0), 1, -Double.MIN_VALUE, Double.MAX_VALUE, -1e-320, 1e300};
    double[] b = {Math.nextUp(1.0), 1, 1, 0, -Double.MAX_VALUE, 1e-320, 1e300};
    double[] out = new double[a.length];
    LaneKernels.greater(out, a, b, a.length);
    assertThat(out).containsExactly(0, 1, 0, 0, 1, 0, 0);
    for (int i = 0; i < a.length; i++) {
      double[] one = {a[i]};
      LaneKernels.greater(one, one, b[i], 1);
      assertThat(one).containsExactly(a[i] > b[i] ? 1 : 0);
      one[0] = a[i];
      LaneKernels.less(one, one, b[i], 1);
      assertThat(one).containsExactly(a[i] < b[i] ? 1 : 0);
    }
    double[] infinite = {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
    LaneKernels.greater(out, infinite, 0, 2);
    assertThat(out).startsWith(1, 0);
    LaneKernels.nonzero(out, infinite, 2);
    assertThat(out).startsWith(1, 1);
  }

  @Test
  void reduce_ofABlock_countsEachLaneOnce() {
    double[] block =
        IntStream.range(0, LaneKernels.BLOCK).mapToDouble(i -> (i * 37) % 256 - 100).toArray();
    double[] expected = {
      Arrays.stream(block).sum(),
      Arrays.stream(block).min().orElseThrow(),
      Arrays.stream(block).max().orElseThrow()
    };
    Expression.Kind[] kinds = {
      Expression.Kind.SUM, Expression.Kind.LEAST, Expression.Kind.GREATEST
    };
    for (int i = 0; i < kinds.length; i++) {
      double[] parts = new double[LaneKernels.PARTS];
      Arrays.fill(parts, LaneKernels.none(kinds[i]));
      LaneKernels.reduce(kinds[i], parts, block);
      assertThat(LaneKernels.reduce(kinds[i], parts)).isEqualTo(expected[i]);
      LaneKernels.reduce(kinds[i], parts, block);
      assertThat(LaneKernels.reduce(kinds[i], parts))
          .isEqualTo(i == 0 ? 2 * expected[0] : expected[i]);
    }
  }
}
