package io.github.p3o.eval;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.internal.RandomStreams;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.commons.math3.stat.descriptive.rank.Percentile;

/**
 * Intervals by the bootstrap (Efron, Annals of Statistics 7, 1979): statistics are computed again
 * on as many prompts drawn with replacement, and an interval reaches from the 2.5th to the 97.5th
 * percentile of what comes out. A drawn prompt brings everything that was said about it, each time
 * that it was asked; if all are the same prompt, the times are drawn.
 */
final class Bootstrap {

  private static final double TAIL = 2.5;

  /** Nothing is divided by less; Z² is below in 0.8 % of draws, far within a tail. */
  private static final double LEAST_WEIGHT = 1e-4;

  /** Statistics of some prompts, of which one may be there several times. */
  @FunctionalInterface
  interface Statistics {

    /**
     * Computes them.
     *
     * @param prompts indices
     * @param weights for what is added to the prompts, each used once, of mean 1: of a draw they
     *     are drawn too (Z², Z normal), so that what is added does not pass for certain
     * @return {@code [statistics]}
     */
    double[] of(int[] prompts, DoubleSupplier weights);
  }

  private final ImmutableList<ImmutableIntArray> groups;
  private final int[] all;
  private final int[][] drawn;
  private final long seed;

  /**
   * Draws prompts.
   *
   * @param prompts all of them; equal ones are one prompt that was asked several times
   * @param resamples how many times to draw
   * @param seed of the draws
   */
  Bootstrap(List<?> prompts, int resamples, long seed) {
    this.seed = seed;
    groups = groups(prompts);
    all = IntStream.range(0, prompts.size()).toArray();
    drawn = new int[resamples][];
    for (int i = 0; i < resamples; i++) {
      RandomGenerator random = RandomStreams.forStep(seed, i);
      drawn[i] =
          IntStream.range(0, groups.size())
              .mapToObj(g -> groups.get(random.nextInt(groups.size())))
              .flatMapToInt(ImmutableIntArray::stream)
              .toArray();
    }
  }

  private static ImmutableList<ImmutableIntArray> groups(List<?> prompts) {
    Map<Object, List<Integer>> places =
        IntStream.range(0, prompts.size())
            .boxed()
            .collect(Collectors.groupingBy(prompts::get, LinkedHashMap::new, Collectors.toList()));
    return places.size() == 1
        ? IntStream.range(0, prompts.size())
            .mapToObj(ImmutableIntArray::of)
            .collect(ImmutableList.toImmutableList())
        : places.values().stream()
            .map(ImmutableIntArray::copyOf)
            .collect(ImmutableList.toImmutableList());
  }

  /** Indices of prompts that are drawn together, in the order of the prompts. */
  ImmutableList<ImmutableIntArray> groups() {
    return groups;
  }

  /**
   * Statistics with their intervals.
   *
   * @param statistics of the prompts with these indices {@code [statistics]}; what is NaN for a
   *     draw is left out there. Where all draws give the same, such as of one prompt, they do not
   *     tell where it may lie, and the ends are NaN
   */
  Interval[] intervals(Statistics statistics) {
    double[] values = statistics.of(all, () -> 1);
    double[][] again = new double[drawn.length][];
    Arrays.setAll(again, i -> statistics.of(drawn[i], weights(i)));
    Interval[] intervals = new Interval[values.length];
    for (int i = 0; i < values.length; i++) {
      int index = i;
      double[] known =
          Arrays.stream(again)
              .mapToDouble(draw -> draw[index])
              .filter(value -> !Double.isNaN(value))
              .toArray();
      boolean varies = Arrays.stream(known).anyMatch(value -> value != values[index]);
      intervals[i] =
          varies
              ? new Interval(values[i], percentile(known, TAIL), percentile(known, 100 - TAIL))
              : new Interval(values[i], Double.NaN, Double.NaN);
    }
    return intervals;
  }

  private DoubleSupplier weights(int draw) {
    RandomGenerator random = RandomStreams.forStep(~seed, draw); // others than of the prompts
    return () -> Math.max(LEAST_WEIGHT, Math.pow(random.nextGaussian(), 2));
  }

  /** Between neighbours in proportion, as numpy does; of nothing NaN. */
  static double percentile(double[] values, double percent) {
    return new Percentile()
        .withEstimationType(Percentile.EstimationType.R_7)
        .evaluate(values, percent);
  }
}
