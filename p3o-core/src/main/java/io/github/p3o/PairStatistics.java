package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.internal.ImportanceRatios;

/**
 * How far a policy has moved from the one that sampled, over all responses of a batch.
 *
 * @param ratioMean mean of ρ = π_θ(y|x)/π_old(y|x)
 * @param ratioMin least ρ
 * @param ratioMax greatest ρ
 * @param effectiveSampleSize (Σρ)²/Σρ², between 1 and the number of responses
 * @param ties pairs whose two rewards are equal
 * @param clampedLogRatios responses whose |log ρ| exceeds 20, the bound of every exponential here
 * @param diagnostics means over all pairs of what the objective reports, by metric name
 */
public record PairStatistics(
    double ratioMean,
    double ratioMin,
    double ratioMax,
    double effectiveSampleSize,
    long ties,
    long clampedLogRatios,
    ImmutableMap<String, Double> diagnostics) {

  /** Log-ratios are clamped to ± this before any exp: e²⁰ ≈ 5 · 10⁸ is beyond any useful ratio. */
  public static final double MAX_LOG_RATIO = 20;

  /**
   * Measures a batch.
   *
   * @param batch holds log π_old and the rewards
   * @param logProbs log π_θ(y|x) now {@code [k, groups]}
   * @param diagnostics means over all pairs, by metric name
   * @return the statistics
   * @throws IllegalArgumentException if the shapes differ
   */
  public static PairStatistics of(
      PairwiseBatch batch, LogProbs logProbs, ImmutableMap<String, Double> diagnostics) {
    checkShape(batch, logProbs);
    ImportanceRatios ratios =
        ImportanceRatios.of(logProbs.values(), batch.oldLogProbs().values(), MAX_LOG_RATIO);
    return new PairStatistics(
        ratios.sum() / logProbs.values().length(),
        ratios.min(),
        ratios.max(),
        ratios.sum() * ratios.sum() / ratios.sumOfSquares(),
        ties(batch),
        ratios.clamped(),
        diagnostics);
  }

  static void checkShape(PairwiseBatch batch, LogProbs logProbs) {
    int k = batch.responsesPerPrompt();
    int groups = batch.groups();
    checkArgument(
        logProbs.responses() == k && logProbs.groups() == groups,
        "logProbs: expected shape [%s, %s], got [%s, %s]",
        k,
        groups,
        logProbs.responses(),
        logProbs.groups());
  }

  private static long ties(PairwiseBatch batch) {
    ImmutableDoubleArray rewards = batch.rewards().values();
    int groups = batch.groups();
    long ties = 0;
    for (int i = 0; i < rewards.length(); i += groups) {
      for (int j = i + groups; j < rewards.length(); j += groups) {
        for (int g = 0; g < groups; g++) {
          ties += rewards.get(i + g) == rewards.get(j + g) ? 1 : 0;
        }
      }
    }
    return ties;
  }
}
