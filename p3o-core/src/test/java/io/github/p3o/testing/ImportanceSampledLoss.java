package io.github.p3o.testing;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The plainest pairwise objective with importance ratios, for tests of what is around it: {@code −½
 * sg((r₁ − r₂) ρ₁ρ₂) (s₁ − s₂)}. Reports {@code test/difference}, the mean of r₁ − r₂.
 */
public final class ImportanceSampledLoss implements PairwiseLoss {

  @Override
  public String name() {
    return "importance-sampled";
  }

  @Override
  public LossTerms build(PairVariables pair) {
    SDVariable logRatio =
        Ops.subtract(Ops.add(pair.s1(), pair.s2()), Ops.add(pair.o1(), pair.o2()));
    SDVariable weight = Ops.stopGradient(Ops.multiply(pair.rewardDifference(), Ops.exp(logRatio)));
    SDVariable gain = Ops.multiply(weight, Ops.subtract(pair.s1(), pair.s2()));
    return new LossTerms(
        Ops.multiply(gain, -0.5),
        ImmutableMap.of("test/difference", Ops.stopGradient(pair.rewardDifference())));
  }

  /** The loss of one pair in plain Java. */
  public static double of(double s1, double s2, double o1, double o2, double difference) {
    return -0.5 * difference * Math.exp(s1 + s2 - o1 - o2) * (s1 - s2);
  }
}
