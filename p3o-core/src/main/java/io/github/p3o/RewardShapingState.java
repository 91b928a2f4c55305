package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * The running statistics of a {@link RewardShaping}: all that must be kept for a run to go on as if
 * it had not stopped.
 *
 * @param prompts how many prompts were seen, ≥ 0
 * @param withinVariance mean over those prompts of the variance of their responses' rewards, ≥ 0
 * @param responses how many responses were seen, ≥ 0
 * @param mean of their rewards
 * @param squares sum of the squared distances of their rewards from the mean, ≥ 0
 */
public record RewardShapingState(
    long prompts, double withinVariance, long responses, double mean, double squares) {

  /** Nothing seen yet. */
  public static final RewardShapingState START = new RewardShapingState(0, 0, 0, 0, 0);

  /** Checks every value. */
  public RewardShapingState {
    checkArgument(prompts >= 0, "prompts: expected at least 0, got %s", prompts);
    checkArgument(responses >= 0, "responses: expected at least 0, got %s", responses);
    checkArgument(
        withinVariance >= 0 && Double.isFinite(withinVariance),
        "withinVariance: expected a finite number >= 0, got %s",
        withinVariance);
    checkArgument(Double.isFinite(mean), "mean: expected a finite number, got %s", mean);
    checkArgument(
        squares >= 0 && Double.isFinite(squares),
        "squares: expected a finite number >= 0, got %s",
        squares);
  }

  /** With the variances of more prompts. */
  RewardShapingState addVariances(double[] variances) {
    double average = withinVariance;
    long count = prompts;
    for (double variance : variances) {
      count++;
      average += (variance - average) / count;
    }
    return new RewardShapingState(count, average, responses, mean, squares);
  }

  /** With more rewards: Welford's recurrence (Technometrics 4, 1962). */
  RewardShapingState addRewards(double[] rewards) {
    double average = mean;
    double sum = squares;
    long count = responses;
    for (double reward : rewards) {
      count++;
      double before = reward - average;
      average += before / count;
      sum += before * (reward - average);
    }
    return new RewardShapingState(prompts, withinVariance, count, average, sum);
  }

  /** The root of the mean variance within prompts. */
  double pairDeviation() {
    return Math.sqrt(withinVariance);
  }

  /** The deviation of all rewards. */
  double rewardDeviation() {
    return responses < 2 ? 0 : Math.sqrt(squares / (responses - 1));
  }
}
