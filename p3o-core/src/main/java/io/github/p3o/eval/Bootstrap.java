package io.github.p3o.eval;

import io.github.p3o.internal.RandomStreams;
import java.util.Arrays;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.apache.commons.math3.stat.descriptive.rank.Percentile;

/**
 * Intervals by the bootstrap (Efron, Annals of Statistics 7, 1979): statistics are computed again
 * on as many prompts drawn with replacement, and an interval reaches from the 2.5th to the 97.5th
 * percentile of what comes out. A drawn prompt brings everything that was said about it.
 */
final class Bootstrap {

  private static final double TAIL = 2.5;

  private final int[] all;
  private final int[][] drawn;

  /**
   * Draws prompts.
   *
   * @param prompts how many there are
   * @param resamples how many times to draw
   * @param seed of the draws
   */
  Bootstrap(int prompts, int resamples, long seed) {
    all = IntStream.range(0, prompts).toArray();
    drawn = new int[resamples][];
    for (int i = 0; i < resamples; i++) {
      RandomGenerator random = RandomStreams.forStep(seed, i);
      drawn[i] = IntStream.range(0, prompts).map(g -> random.nextInt(prompts)).toArray();
    }
  }

  /**
   * Statistics with their intervals.
   *
   * @param statistics of the prompts with these indices {@code [statistics]}; what is NaN for a
   *     draw is left out there
   */
  Interval[] intervals(Function<int[], double[]> statistics) {
    double[] values = statistics.apply(all);
    double[][] again = new double[drawn.length][];
    Arrays.setAll(again, i -> statistics.apply(drawn[i]));
    Interval[] intervals = new Interval[values.length];
    for (int i = 0; i < values.length; i++) {
      int index = i;
      double[] known =
          Arrays.stream(again)
              .mapToDouble(draw -> draw[index])
              .filter(value -> !Double.isNaN(value))
              .toArray();
      intervals[i] =
          new Interval(values[i], percentile(known, TAIL), percentile(known, 100 - TAIL));
    }
    return intervals;
  }

  /** Between neighbours in proportion, as numpy does; of nothing NaN. */
  static double percentile(double[] values, double percent) {
    return new Percentile()
        .withEstimationType(Percentile.EstimationType.R_7)
        .evaluate(values, percent);
  }
}
