package io.github.p3o.loss;

import com.google.common.collect.ImmutableList;
import io.github.p3o.TokenAdvantages;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;

/** What is done to the advantages of a rollout before they are used. */
public enum Whitening {
  /** Nothing. */
  OFF,
  /** Mean 0 and deviation 1 over all response tokens of the rollout. */
  OVER_ROLLOUT;

  /** Keeps advantages that are all but equal from being blown up. */
  private static final double LEAST_DEVIATION = 1e-8;

  /** The advantages of all responses, whitened; equal ones become 0. */
  ImmutableList<TokenAdvantages> apply(List<TokenAdvantages> advantages) {
    if (this == OFF) {
      return ImmutableList.copyOf(advantages);
    }
    // From the first on, and in units of the widest: exact for equal ones, finite for any.
    double first = advantages.get(0).get(0);
    double shift = all(advantages).map(a -> a - first).average().orElseThrow();
    DoubleUnaryOperator centred = a -> (a - first) - shift;
    double widest = all(advantages).map(centred).map(Math::abs).max().orElseThrow();
    double unit = widest == 0 ? 1 : widest;
    double variance =
        all(advantages)
            .map(a -> centred.applyAsDouble(a) / unit)
            .map(a -> a * a)
            .average()
            .orElseThrow();
    double deviation = unit * Math.sqrt(variance) + LEAST_DEVIATION;
    return advantages.stream()
        .map(
            response ->
                TokenAdvantages.of(
                    response.values().stream()
                        .map(a -> centred.applyAsDouble(a) / deviation)
                        .toArray()))
        .collect(ImmutableList.toImmutableList());
  }

  private static DoubleStream all(List<TokenAdvantages> advantages) {
    return advantages.stream().flatMapToDouble(response -> response.values().stream());
  }
}
