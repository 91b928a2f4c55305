package io.github.p3o.loss;

import io.github.p3o.PairStatistics;
import io.github.p3o.PairVariables;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/** Importance ratios and the weights made of them. */
final class Ratios {

  private Ratios() {}

  /** {@code ρ = exp(s − o)}, the log-ratio clamped to ±20. */
  static SDVariable ratio(SDVariable s, SDVariable o) {
    double bound = PairStatistics.MAX_LOG_RATIO;
    return Ops.exp(Ops.clip(Ops.subtract(s, o), -bound, bound));
  }

  /** {@code ρ₁ρ₂}, each log-ratio clamped by itself, as they are counted. */
  static SDVariable product(PairVariables p) {
    return Ops.multiply(ratio(p.s1(), p.o1()), ratio(p.s2(), p.o2()));
  }

  /** {@code sg(clip(ρ, 1/c, c))}. */
  static SDVariable weight(SDVariable ratio, double c) {
    return Double.isInfinite(c)
        ? Ops.stopGradient(ratio)
        : Ops.stopGradient(Ops.clip(Ops.stopGradient(ratio), 1 / c, c));
  }

  /** 1 where {@code ρ < 1/c} or {@code ρ > c}, else 0. */
  static SDVariable outside(SDVariable ratio, double c) {
    return Ops.add(Ops.isLess(ratio, 1 / c), Ops.isGreater(ratio, c));
  }
}
