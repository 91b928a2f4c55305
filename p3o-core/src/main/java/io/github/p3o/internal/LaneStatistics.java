package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LogProbs;
import io.github.p3o.PairStatistics;
import io.github.p3o.PairwiseBatch;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * {@link PairStatistics} as values of a {@link PointwiseProgram}: taken while a loss is computed,
 * from the same exponentials, or alone.
 */
public final class LaneStatistics {

  private static final String RATIOS = "p3o/ratios";
  private static final String SQUARES = "p3o/squaresOfRatios";
  private static final String LEAST = "p3o/leastRatio";
  private static final String GREATEST = "p3o/greatestRatio";
  private static final String CLAMPED = "p3o/clampedLogRatios";
  private static final String UNEQUAL = "p3o/unequalRewards";

  /** Programs for nothing else, by the number of responses. */
  private static final Map<Integer, PointwiseProgram> ALONE = new ConcurrentHashMap<>();

  private LaneStatistics() {}

  /** The statistics alone. */
  public static PairStatistics of(
      PairwiseBatch batch, LogProbs logProbs, ImmutableMap<String, Double> diagnostics) {
    PointwiseProgram alone =
        ALONE.computeIfAbsent(
            batch.responsesPerPrompt(),
            k -> PointwiseProgram.of(addTo(new Expression.Factory(), k)));
    PointwiseProgram.Inputs inputs = PolicyLossGraph.inputs(batch, logProbs);
    return of(batch, alone.run(batch.groups(), inputs).numbers(), diagnostics);
  }

  /** The statistics by the numbers that {@link #addTo} named. */
  static PairStatistics of(
      PairwiseBatch batch, Map<String, Double> numbers, ImmutableMap<String, Double> diagnostics) {
    int k = batch.responsesPerPrompt();
    long pairs = (long) k * (k - 1) / 2 * batch.groups();
    double sum = number(numbers, RATIOS);
    return new PairStatistics(
        sum / ((long) k * batch.groups()),
        IntStream.range(0, k).mapToDouble(i -> number(numbers, LEAST + i)).min().orElseThrow(),
        IntStream.range(0, k).mapToDouble(i -> number(numbers, GREATEST + i)).max().orElseThrow(),
        sum * sum / number(numbers, SQUARES),
        pairs - (long) number(numbers, UNEQUAL),
        (long) number(numbers, CLAMPED),
        diagnostics);
  }

  private static double number(Map<String, Double> numbers, String name) {
    return Objects.requireNonNull(numbers.get(name), name);
  }

  /** What the statistics of k responses to each prompt are made of. */
  static ImmutableMap<String, Expression> addTo(Expression.Factory make, int k) {
    double bound = PairStatistics.MAX_LOG_RATIO;
    ImmutableMap.Builder<String, Expression> numbers = ImmutableMap.builder();
    Expression sum = make.constant(0);
    Expression squares = sum;
    Expression clamped = sum;
    Expression unequal = sum;
    for (int i = 0; i < k; i++) {
      Expression moved =
          make.subtract(make.lanes(PolicyLossGraph.NOW + i), make.lanes(PolicyLossGraph.OLD + i));
      Expression ratio = make.exp(make.clip(moved, -bound, bound));
      numbers.put(LEAST + i, make.least(ratio));
      numbers.put(GREATEST + i, make.greatest(ratio));
      sum = make.add(sum, make.sum(ratio));
      squares = make.add(squares, make.sum(make.multiply(ratio, ratio)));
      clamped = make.add(clamped, make.sum(make.outside(moved, -bound, bound)));
      for (int j = 0; j < i; j++) {
        Expression difference = difference(make, k, i, j);
        unequal = make.add(unequal, make.sum(make.outside(difference, 0, 0)));
      }
    }
    return numbers
        .put(RATIOS, sum)
        .put(SQUARES, squares)
        .put(CLAMPED, clamped)
        .put(UNEQUAL, unequal)
        .buildOrThrow();
  }

  /** The difference of two rewards, of two responses the one that a pairwise loss reads. */
  private static Expression difference(Expression.Factory make, int k, int i, int j) {
    return k == 2
        ? make.lanes(PolicyLossGraph.REWARD_DIFFERENCE)
        : make.subtract(
            make.lanes(PolicyLossGraph.REWARD + i), make.lanes(PolicyLossGraph.REWARD + j));
  }
}
