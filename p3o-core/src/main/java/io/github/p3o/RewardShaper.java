package io.github.p3o;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.RewardShaping.Centering;
import io.github.p3o.RewardShaping.PerPrompt;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Applies a {@link RewardShaping} to the rewards of one rollout.
 *
 * <p>Everything that can be is computed from differences to the prompt's first response, taken
 * before anything else: {@code aᵢ = (rᵢ − r₁) − penalties' difference}. A shift by δ(prompt) is
 * gone there before any rounding. For an objective that sees differences alone the shaped rewards
 * are aᵢ divided by the scale; their level means nothing. For one that sees the rewards as they
 * are, the level is kept.
 */
final class RewardShaper {

  /**
   * Shaped rewards.
   *
   * @param rewards {@code [k, groups]}
   * @param state the statistics with these rewards counted
   * @param metrics what shaping did, by metric name
   */
  record Shaped(Rewards rewards, RewardShapingState state, ImmutableMap<String, Double> metrics) {}

  /** Of a reward: sums of the squares of greater ones are infinite. */
  private static final double GREATEST = 1e150;

  /** Rewards of a prompt that differ by less than this share of what pairs do are a tie. */
  private static final double ROUNDING = 1e-6;

  private final RewardShaping shaping;

  /** Whether the level of a prompt's rewards means nothing, so that it may be dropped. */
  private final boolean relative;

  RewardShaper(RewardShaping shaping, PolicyLoss.RewardView view) {
    this.shaping = shaping;
    this.relative = view == PolicyLoss.RewardView.DIFFERENCES && shaping.breaking().isEmpty();
  }

  /** Shapes the rewards of a rollout: {@code responses} in the order of the rewards. */
  Shaped shape(Rewards given, List<Response> responses, RewardShapingState before) {
    if (shaping.changesNothing()) {
      return new Shaped(given, before, ImmutableMap.of());
    }
    int k = given.responses();
    int groups = given.groups();
    double[] penalties = penalties(responses);
    double[] values = new double[k * groups];
    double[] differences = new double[k * groups];
    for (int i = 0; i < values.length; i++) {
      int first = i % groups;
      double reward = given.values().get(i);
      values[i] = reward - penalties[i];
      differences[i] = (reward - given.values().get(first)) - (penalties[i] - penalties[first]);
    }
    checkSize("reward", values, groups);
    checkSize("reward difference", differences, groups);
    double[] variances =
        IntStream.range(0, groups).mapToDouble(g -> variance(differences, k, g)).toArray();
    RewardShapingState state = before.addVariances(variances).addRewards(values);
    double[] shaped = new double[values.length];
    for (int i = 0; i < shaped.length; i++) {
      shaped[i] =
          levelled(values[i], i, differences, k, state) * factor(variances[i % groups], state);
    }
    checkSize("shaped reward", shaped, groups);
    Rewards rewards = Rewards.ofFlat(k, bounded(shaped));
    return new Shaped(rewards, state, metrics(rewards, responses, shaped, variances, state));
  }

  private double[] penalties(List<Response> responses) {
    return responses.stream()
        .mapToDouble(response -> response.ended() ? 0 : shaping.missingEndPenalty())
        .toArray();
  }

  /** The variance of a prompt's rewards: half the mean square of the differences of its pairs. */
  private static double variance(double[] differences, int k, int group) {
    int groups = differences.length / k;
    double sum = 0;
    for (int i = 0; i < k; i++) {
      for (int j = i + 1; j < k; j++) {
        double difference = differences[i * groups + group] - differences[j * groups + group];
        sum += difference * difference;
      }
    }
    return sum / (k * (k - 1.0));
  }

  /** The reward before it is scaled. */
  private double levelled(
      double value, int index, double[] differences, int k, RewardShapingState state) {
    if (shaping.perPrompt() == PerPrompt.MEAN_AND_DEVIATION) {
      int groups = differences.length / k;
      int group = index % groups;
      double sum = 0;
      for (int i = 0; i < k; i++) {
        sum += differences[i * groups + group];
      }
      return differences[index] - sum / k;
    }
    if (relative) {
      return differences[index];
    }
    return shaping.centering() == Centering.RUNNING_MEAN ? value - state.mean() : value;
  }

  /**
   * What a prompt's rewards are multiplied by; 1 where there is no deviation to divide by, or one
   * of rounding alone.
   */
  private double factor(double variance, RewardShapingState state) {
    double deviation =
        shaping.perPrompt() == PerPrompt.NONE ? running(state) : ofPrompt(variance, state);
    return deviation > 0 ? 1 / deviation : 1;
  }

  private double running(RewardShapingState state) {
    return switch (shaping.scale()) {
      case NONE -> 1;
      case PAIR_DEVIATION -> state.pairDeviation();
      case REWARD_DEVIATION -> state.rewardDeviation();
    };
  }

  private static double ofPrompt(double variance, RewardShapingState state) {
    double deviation = Math.sqrt(variance);
    return deviation > ROUNDING * state.pairDeviation() ? deviation : 0;
  }

  private double[] bounded(double[] values) {
    double bound = shaping.clip();
    double[] bounded = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      bounded[i] = Math.max(-bound, Math.min(bound, values[i]));
    }
    return bounded;
  }

  /** Refuses what is not finite, or whose square is not. */
  private static void checkSize(String name, double[] values, int groups) {
    for (int i = 0; i < values.length; i++) {
      if (!(Math.abs(values[i]) <= GREATEST)) {
        throw new NonFiniteException(
            String.format(
                Locale.ROOT,
                "%s: expected %s, got %s for response %d of prompt %d of the rollout;"
                    + " the parameters are unchanged",
                name,
                Double.isFinite(values[i]) ? "at most " + GREATEST : "finite values",
                values[i],
                i / groups,
                i % groups));
      }
    }
  }

  private ImmutableMap<String, Double> metrics(
      Rewards rewards,
      List<Response> responses,
      double[] unbounded,
      double[] variances,
      RewardShapingState state) {
    int count = unbounded.length;
    long cut = responses.stream().filter(response -> !response.ended()).count();
    long clipped =
        IntStream.range(0, count).filter(i -> unbounded[i] != rewards.values().get(i)).count();
    double factors = 0;
    for (double variance : variances) {
      factors += factor(variance, state);
    }
    return ImmutableMap.of(
        "shaping/scale",
        factors / variances.length,
        "shaping/scores_margin",
        rewards.meanMargin(),
        "shaping/penalised_ratio",
        shaping.missingEndPenalty() > 0 ? (double) cut / count : 0,
        "shaping/clipped_ratio",
        (double) clipped / count,
        "shaping/breaks_invariance",
        (double) shaping.breaking().size());
  }
}
