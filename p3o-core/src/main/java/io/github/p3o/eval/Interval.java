package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * A value and where it would mostly lie if other prompts of the kind were drawn: an interval of 95
 * %.
 *
 * @param value on the prompts as they are, NaN if they say nothing
 * @param low the lower end, NaN if nothing is known of it
 * @param high the upper end, NaN if nothing is known of it
 */
public record Interval(double value, double low, double high) {

  /** The 97.5th percentile of the normal distribution. */
  static final double Z = 1.959963984540054;

  /**
   * Where a share lies, by Wilson's score interval (Journal of the American Statistical Association
   * 22, 1927): it has a width also where all trials came out alike, as a mean ± its errors and a
   * bootstrap do not. Halves and other parts of a success make it wider than it need be.
   *
   * @param share of successes, or the mean of what trials gave from 0 to 1
   * @param trials how many independent ones there were, more than 0, fractions allowed
   * @return the share with its interval
   * @throws IllegalArgumentException for a share that is none, or no trial
   */
  public static Interval ofShare(double share, double trials) {
    checkArgument(share >= 0 && share <= 1, "share: expected from 0 to 1, got %s", share);
    checkArgument(trials > 0, "trials: expected more than 0, got %s", trials);
    double unit = Z * Z / trials;
    double center = (share + unit / 2) / (1 + unit);
    double half = Math.sqrt(unit * (share * (1 - share) + unit / 4)) / (1 + unit);
    return new Interval(share, Math.max(0, center - half), Math.min(1, center + half));
  }
}
