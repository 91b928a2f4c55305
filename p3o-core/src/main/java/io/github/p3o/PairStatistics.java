package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.LaneStatistics;

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
    return LaneStatistics.of(batch, logProbs, diagnostics);
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
}
