package io.github.p3o.eval;

import com.google.common.collect.ImmutableList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToDoubleFunction;

/**
 * A mean of values from −1 (lost) to 1 (won) that come in groups, such as all of a prompt, with an
 * interval that keeps its width where all are alike: a bootstrap of ten games won has none.
 *
 * <p>The parts of the values above and below 0 are a share won and a share lost, each with {@link
 * Interval#ofShare}; the mean reaches from the least won less the most lost to the most won less
 * the least lost. Where all is won or lost that is Wilson's interval itself; where much is neither
 * it is shorter, and otherwise a little wider than need be.
 *
 * <p>A share has as many trials as independent ones would have its variance between groups, fewer
 * for few groups, whose variance is not well known: (z/t)² of them, by Student's t (Korn and
 * Graubard, Survey Methodology 24, 1998). At least as many as there are groups, as if all values of
 * a group were the same, and at most as many as there are values. What fewer than five groups are
 * like nobody can tell from them if they are of two kinds: intervals are then too short at times.
 */
final class GroupedMean {

  private GroupedMean() {}

  /**
   * One of the values.
   *
   * @param value from −1 to 1
   * @param weight in the mean, more than 0
   */
  record Weighted(double value, double weight) {}

  /** The mean of all, NaN of none. */
  static Interval of(List<ImmutableList<Weighted>> all) {
    List<ImmutableList<Weighted>> groups = all.stream().filter(g -> !g.isEmpty()).toList();
    if (groups.isEmpty()) {
      return new Interval(Double.NaN, Double.NaN, Double.NaN);
    }
    double weight = groups.stream().mapToDouble(g -> sum(g, Weighted::weight)).sum();
    double sum = groups.stream().mapToDouble(g -> sum(g, v -> v.value * v.weight)).sum();
    Interval won = share(groups, weight, value -> Math.max(value, 0));
    Interval lost = share(groups, weight, value -> Math.max(-value, 0));
    return new Interval(sum / weight, won.low() - lost.high(), won.high() - lost.low());
  }

  private static Interval share(
      List<ImmutableList<Weighted>> groups, double weight, DoubleUnaryOperator part) {
    double[] weights = groups.stream().mapToDouble(g -> sum(g, Weighted::weight)).toArray();
    double[] sums =
        groups.stream()
            .mapToDouble(g -> sum(g, v -> part.applyAsDouble(v.value) * v.weight))
            .toArray();
    double share = Arrays.stream(sums).sum() / weight;
    double least = trials(weight, weights);
    double spread = share * (1 - share);
    if (groups.size() == 1 || spread == 0) { // no variance to be seen
      return Interval.ofShare(share, least);
    }
    double squares = 0; // of what each group is off
    for (int i = 0; i < sums.length; i++) {
      squares += (sums[i] - share * weights[i]) * (sums[i] - share * weights[i]);
    }
    int freedom = groups.size() - 1;
    double variance = squares / weight / weight * groups.size() / freedom;
    double z = Interval.Z / RunMeans.quantile(freedom);
    double[] each = groups.stream().flatMap(List::stream).mapToDouble(Weighted::weight).toArray();
    double trials = Math.min(trials(weight, each), z * z * spread / variance);
    return Interval.ofShare(share, Math.max(least, trials));
  }

  /** Kish's number: of equal weights how many they are. */
  private static double trials(double sum, double[] weights) {
    return sum * sum / Arrays.stream(weights).map(weight -> weight * weight).sum();
  }

  private static double sum(ImmutableList<Weighted> group, ToDoubleFunction<Weighted> value) {
    return group.stream().mapToDouble(value).sum();
  }
}
