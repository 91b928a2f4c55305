package io.github.p3o.online;

import com.google.common.primitives.Doubles;
import io.github.p3o.LogProbs;
import io.github.p3o.PairStatistics;

/** KL(π‖π_ref) of responses that another policy sampled. */
final class ImportanceKl {

  private ImportanceKl() {}

  /**
   * Σ w d / Σ w with w = π/π_old and d = log π − log π_ref: k1 of J. Schulman, self-normalised. Not
   * k3, whose terms e⁻ᵈ have their mean from responses that the reference likes and π hardly gives:
   * of several nats a batch has none of them, so that k3 is a nat too low, or one, so that it is
   * many too high. A batch near the reference may be below 0.
   *
   * @param now log π(y|x), row-major {@code [k, groups]}, nats
   * @param old of the policies that sampled the responses
   * @param reference of the reference
   * @return nats per response
   */
  static double of(double[] now, LogProbs old, LogProbs reference) {
    double sum = 0;
    double weights = 0;
    for (int i = 0; i < now.length; i++) {
      double weight = Math.exp(bounded(now[i] - old.values().get(i)));
      sum += weight * (now[i] - reference.values().get(i));
      weights += weight;
    }
    return sum / weights;
  }

  /** So that no exponential overflows. */
  private static double bounded(double logRatio) {
    double bound = PairStatistics.MAX_LOG_RATIO;
    return Doubles.constrainToRange(logRatio, -bound, bound);
  }
}
