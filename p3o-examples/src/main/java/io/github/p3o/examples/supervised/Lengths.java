package io.github.p3o.examples.supervised;

import io.github.p3o.examples.report.Estimate;
import io.github.p3o.train.Comparison;
import java.util.List;

/** The simplest rival of a reward model. */
final class Lengths {

  private Lengths() {}

  /** How often the longer response is the chosen one; equal lengths are right half the time. */
  static Estimate accuracy(List<Comparison> comparisons) {
    return Estimate.of(
        comparisons.stream()
            .mapToDouble(
                c -> (1 + Math.signum((double) c.chosen().length() - c.rejected().length())) / 2)
            .toArray());
  }
}
