package io.github.p3o.bench;

import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Rewards;

/** Pairs near π_old, as numbers, each {@code [2][pairs]}. */
final class PairNumbers {

  private final double[][] now;
  private final double[][] old;
  private final double[][] reference;
  private final double[][] rewards;

  PairNumbers(int pairs) {
    old = two(-120, -20, 0, pairs);
    now = two(-0.5, 0.5, 2, pairs); // within half a nat of π_old
    for (int i = 0; i < 2; i++) {
      for (int p = 0; p < pairs; p++) {
        now[i][p] += old[i][p];
      }
    }
    reference = two(-120, -20, 4, pairs);
    rewards = two(-1, 1, 6, pairs);
  }

  private static double[][] two(double low, double high, long row, int pairs) {
    return new double[][] {
      Numbers.between(low, high, row * pairs, pairs),
      Numbers.between(low, high, (row + 1) * pairs, pairs)
    };
  }

  PairwiseBatch batch() {
    return PairwiseBatch.ofNumbers(LogProbs.of(old), LogProbs.of(reference), Rewards.of(rewards));
  }

  LogProbs logProbs() {
    return LogProbs.of(now);
  }

  /** log π_θ. */
  double[][] now() {
    return now;
  }

  /** log π_old. */
  double[][] old() {
    return old;
  }

  /** log π_ref. */
  double[][] reference() {
    return reference;
  }

  double[][] rewards() {
    return rewards;
  }
}
