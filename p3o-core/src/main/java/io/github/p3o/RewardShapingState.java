package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Splitter;
import java.util.List;

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

  /** Every bit, as a text that {@link #ofText} reads. */
  String toText() {
    return prompts + " " + withinVariance + " " + responses + " " + mean + " " + squares;
  }

  static RewardShapingState ofText(String text) {
    List<String> parts = Splitter.on(' ').splitToList(text);
    checkArgument(parts.size() == 5, "rewardShaping: expected 5 numbers, got \"%s\"", text);
    return new RewardShapingState(
        Long.parseLong(parts.get(0)),
        Double.parseDouble(parts.get(1)),
        Long.parseLong(parts.get(2)),
        Double.parseDouble(parts.get(3)),
        Double.parseDouble(parts.get(4)));
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
