package io.github.p3o;

import com.google.common.base.Stopwatch;
import com.google.common.collect.ImmutableMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Gathers the metrics of one step; docs/metrics.md has the formulas. */
final class MetricsCollector {

  private static final String POLICY_LOSS = "loss/policy_avg";

  private final Map<String, Double> rollout = new LinkedHashMap<>();
  private final Map<String, Double> updateSums = new LinkedHashMap<>();
  private final Map<String, Double> timings = new LinkedHashMap<>();
  private double ratioMin = Double.POSITIVE_INFINITY;
  private double ratioMax;
  private long clampedLogRatios;
  private int updates;

  <T> T time(String name, Supplier<T> work) {
    Stopwatch watch = Stopwatch.createStarted();
    T result = work.get();
    timings.merge(name, watch.elapsed(TimeUnit.NANOSECONDS) / 1e9, Double::sum);
    return result;
  }

  void time(String name, Runnable work) {
    Stopwatch watch = Stopwatch.createStarted();
    work.run();
    timings.merge(name, watch.elapsed(TimeUnit.NANOSECONDS) / 1e9, Double::sum);
  }

  /** What was measured by {@link #time} so far. */
  ImmutableMap<String, Double> timings() {
    return ImmutableMap.copyOf(timings);
  }

  void addTimings(Map<String, Double> more) {
    more.forEach((name, seconds) -> timings.merge(name, seconds, Double::sum));
  }

  /** How many steps the policy that sampled is behind the one that is updated. */
  void addStaleness(long steps) {
    rollout.put("policy/staleness", (double) steps);
  }

  /** With β as it is in this step. */
  void addRollout(Rollouts.Drawn drawn, double klCoefficient) {
    PairwiseBatch batch = drawn.scored();
    int count = batch.responses().size();
    double kl = 0;
    double logProb = 0;
    double score = 0;
    long tokens = 0;
    long ended = 0;
    for (int i = 0; i < count; i++) {
      double old = batch.oldLogProbs().values().get(i);
      kl += old - batch.referenceLogProbs().values().get(i);
      logProb += old;
      score += batch.rewards().values().get(i);
      tokens += batch.responses().get(i).length();
      ended += batch.responses().get(i).ended() ? 1 : 0;
    }
    rollout.put("objective/kl", kl / count);
    rollout.put("objective/kl_per_token", kl / tokens);
    rollout.put("objective/entropy", -logProb / count);
    rollout.put("objective/scores", score / count);
    rollout.put("objective/rlhf_reward", (score - klCoefficient * kl) / count);
    rollout.put("objective/kl_coef", klCoefficient);
    rollout.put("objective/scores_margin", batch.rewards().meanMargin());
    rollout.put("frac_zero_signal", zeroSignal(drawn.shaped().rewards()));
    rollout.put("completions/mean_length", (double) tokens / count);
    IntStream lengths = batch.responses().stream().mapToInt(Response::length);
    var summary = lengths.summaryStatistics();
    rollout.put("completions/min_length", (double) summary.getMin());
    rollout.put("completions/max_length", (double) summary.getMax());
    rollout.put("completions/clipped_ratio", 1 - (double) ended / count);
    rollout.put("val/contain_eos_token", (double) ended / count);
    rollout.putAll(drawn.shaping());
  }

  private static double zeroSignal(Rewards rewards) {
    int groups = rewards.groups();
    return (double) IntStream.range(0, groups).filter(g -> rewards.margin(g) == 0).count() / groups;
  }

  void addUpdate(
      PairwiseBatch batch, Gradients gradients, double learningRate, double gradientNorm) {
    PairStatistics statistics = gradients.statistics();
    updates++;
    if (!statistics.diagnostics().containsKey(POLICY_LOSS)) { // an objective of several parts
      addMean(POLICY_LOSS, gradients.loss());
    }
    addMean("policy/approxkl_avg", approximateKl(batch, gradients.logProbs()));
    addMean("policy/ratio_mean", statistics.ratioMean());
    addMean(
        "policy/effective_sample_fraction",
        statistics.effectiveSampleSize() / gradients.logProbs().values().length());
    statistics.diagnostics().forEach(this::addMean);
    addChosenAndRejected(batch, gradients.logProbs());
    addMean("grad_norm", gradientNorm);
    addMean("lr", learningRate);
    clampedLogRatios += statistics.clampedLogRatios();
    ratioMin = Math.min(ratioMin, statistics.ratioMin());
    ratioMax = Math.max(ratioMax, statistics.ratioMax());
  }

  /** Of the response with the greatest reward of each prompt, and of the one with the least. */
  private void addChosenAndRejected(PairwiseBatch batch, LogProbs now) {
    double chosen = 0;
    double rejected = 0;
    for (int g = 0; g < batch.groups(); g++) {
      int best = 0;
      int worst = 0;
      for (int i = 1; i < batch.responsesPerPrompt(); i++) {
        best = batch.rewards().get(i, g) > batch.rewards().get(best, g) ? i : best;
        worst = batch.rewards().get(i, g) < batch.rewards().get(worst, g) ? i : worst;
      }
      chosen += now.get(best, g);
      rejected += now.get(worst, g);
    }
    addMean("logps/chosen", chosen / batch.groups());
    addMean("logps/rejected", rejected / batch.groups());
  }

  private void addMean(String name, double value) {
    updateSums.merge(name, value, Double::sum);
  }

  /** Half the mean squared log-ratio: KL(π_old‖π_θ) to second order. */
  static double approximateKl(PairwiseBatch batch, LogProbs now) {
    double sum = 0;
    int count = now.values().length();
    for (int i = 0; i < count; i++) {
      double logRatio = now.values().get(i) - batch.oldLogProbs().values().get(i);
      sum += logRatio * logRatio / 2;
    }
    return sum / count;
  }

  /** A mean, least or greatest of no updates is left out. */
  ImmutableMap<String, Double> values() {
    ImmutableMap.Builder<String, Double> all = ImmutableMap.builder();
    all.putAll(rollout);
    updateSums.forEach((name, sum) -> all.put(name, sum / updates));
    all.put("policy/updates", (double) updates);
    all.put("policy/clamped_log_ratios", (double) clampedLogRatios);
    if (updates > 0) {
      all.put("policy/ratio_min", ratioMin);
      all.put("policy/ratio_max", ratioMax);
    }
    all.putAll(timings);
    return all.buildOrThrow();
  }
}
