package io.github.p3o.eval;

import com.google.common.math.Stats;
import org.apache.commons.math3.distribution.TDistribution;

/**
 * The mean of independent runs.
 *
 * @param mean of the runs
 * @param variance of the mean; NaN for one run
 * @param count of runs
 */
record RunMeans(double mean, double variance, int count) {

  static RunMeans of(double... runs) {
    Stats stats = Stats.of(runs);
    double variance = runs.length < 2 ? Double.NaN : stats.sampleVariance() / runs.length;
    return new RunMeans(stats.mean(), variance, runs.length);
  }

  /** Half of the interval of the mean, by Student's t. */
  double halfWidth() {
    return Double.isNaN(variance) ? Double.NaN : quantile(count - 1) * Math.sqrt(variance);
  }

  /** Half of the interval of the difference of two means, by Welch's t. */
  double halfWidthOfDifference(RunMeans other) {
    double sum = variance + other.variance;
    if (Double.isNaN(sum)) {
      return Double.NaN;
    }
    if (sum == 0) {
      return 0;
    }
    double freedom =
        sum
            * sum
            / (variance * variance / (count - 1)
                + other.variance * other.variance / (other.count - 1));
    return quantile(freedom) * Math.sqrt(sum);
  }

  /** Of Student's t, the end of an interval. */
  static double quantile(double freedom) {
    return new TDistribution(freedom)
        .inverseCumulativeProbability((1 + KlRewardFrontier.CONFIDENCE) / 2);
  }
}
