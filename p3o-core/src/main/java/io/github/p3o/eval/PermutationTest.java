package io.github.p3o.eval;

import com.google.common.math.LongMath;
import io.github.p3o.internal.RandomStreams;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.apache.commons.math3.util.CombinatoricsUtils;

/**
 * Whether two groups differ more than chance would make them: by how far their means are apart,
 * among all ways to call as many of the values the first group's. Two-sided.
 *
 * @param pValue the share of ways in which they are at least so far apart
 * @param smallest the smallest that groups of these sizes can give
 */
record PermutationTest(double pValue, double smallest) {

  private static final long MOST_WAYS = 200_000;

  /** Differences that only rounding makes count as equal. */
  private static final double ROUNDING = 1e-12;

  /** Of more ways than that, so many are drawn, always the same. */
  private static PermutationTest drawn(double[] values, int first, double observed, double least) {
    RandomGenerator random = RandomStreams.forStep(0, 0);
    int atLeast = 1; // the ways as they are (Phipson & Smyth, 2010)
    for (int i = 1; i < MOST_WAYS; i++) {
      int[] order = RandomStreams.permutation(values.length, random);
      atLeast += apart(values, Arrays.copyOf(order, first)) >= observed ? 1 : 0;
    }
    return new PermutationTest((double) atLeast / MOST_WAYS, Math.max(least, 1.0 / MOST_WAYS));
  }

  /** The first so many values are the first group, the rest is the second. */
  static PermutationTest of(double[] values, int first) {
    long ways = LongMath.binomial(values.length, first);
    double scale = Arrays.stream(values).map(Math::abs).max().orElse(0);
    double observed =
        apart(values, IntStream.range(0, first).toArray()) - ROUNDING * Math.max(scale, 1e-300);
    // with groups of one size, exchanging them is as far apart
    double least = (2 * first == values.length ? 2.0 : 1.0) / ways;
    if (ways > MOST_WAYS) {
      return drawn(values, first, observed, least);
    }
    long atLeast = 0;
    Iterator<int[]> all = CombinatoricsUtils.combinationsIterator(values.length, first);
    while (all.hasNext()) {
      atLeast += apart(values, all.next()) >= observed ? 1 : 0;
    }
    return new PermutationTest((double) atLeast / ways, least);
  }

  private static double apart(double[] values, int[] first) {
    double sum = Arrays.stream(first).mapToDouble(i -> values[i]).sum();
    double rest = Arrays.stream(values).sum() - sum;
    return Math.abs(sum / first.length - rest / (values.length - first.length));
  }

  /** p-values of comparisons made together, adjusted by Holm's method. */
  static double[] holm(double... pValues) {
    int n = pValues.length;
    int[] order =
        IntStream.range(0, n)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> pValues[i]))
            .mapToInt(Integer::intValue)
            .toArray();
    double[] adjusted = new double[n];
    double greatest = 0;
    for (int i = 0; i < n; i++) {
      greatest = Math.max(greatest, Math.min(1, (n - i) * pValues[order[i]]));
      adjusted[order[i]] = greatest;
    }
    return adjusted;
  }
}
