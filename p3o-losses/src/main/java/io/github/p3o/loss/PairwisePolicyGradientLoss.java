package io.github.p3o.loss;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The pairwise policy gradient (Wu et al., arXiv 2310.00212), the unclipped origin of {@link
 * P3OLoss}: {@code −½ w Δ (s₁ − s₂)} with Δ the KL-shaped difference of the rewards, and {@code w =
 * 1} or {@code w = sg(ρ₁ρ₂)}. On average over pairs that π_θ itself sampled, its gradient is that
 * of {@code −E[r̂]}, whatever is added to the rewards of a prompt.
 *
 * @param correction what is done about pairs that an older policy sampled
 * @param klShaping the KL term in the reward
 */
public record PairwisePolicyGradientLoss(Correction correction, KlShaping klShaping)
    implements PairwiseLoss {

  /** What is done about pairs that an older policy sampled. */
  public enum Correction {
    /** Nothing: exact on-policy only. */
    NONE,
    /** Each pair is weighed by ρ₁ρ₂, without a bound: unbiased, and of large variance. */
    IMPORTANCE_SAMPLING
  }

  /**
   * PPG for pairs that the policy itself sampled, with the author's β = 0.05.
   *
   * @return the loss
   */
  public static PairwisePolicyGradientLoss onPolicy() {
    return new PairwisePolicyGradientLoss(Correction.NONE, KlShaping.rollout(0.05));
  }

  /**
   * PPG with importance sampling, with the author's β = 0.05.
   *
   * @return the loss
   */
  public static PairwisePolicyGradientLoss importanceSampled() {
    return new PairwisePolicyGradientLoss(Correction.IMPORTANCE_SAMPLING, KlShaping.rollout(0.05));
  }

  /**
   * The same loss with another KL term.
   *
   * @param klShaping coefficient β and where the KL is taken
   * @return the loss
   */
  public PairwisePolicyGradientLoss withKlShaping(KlShaping klShaping) {
    return new PairwisePolicyGradientLoss(correction, klShaping);
  }

  @Override
  public String name() {
    return correction == Correction.NONE ? "ppg" : "ppg-is";
  }

  @Override
  public double klPenalty() {
    return klShaping.coefficient();
  }

  @Override
  public LossTerms build(PairVariables p) {
    SDVariable delta = klShaping.relativeReward(p);
    SDVariable weighted =
        correction == Correction.NONE
            ? delta
            : Ops.multiply(delta, Ops.stopGradient(Ratios.product(p)));
    SDVariable d = Ops.subtract(p.s1(), p.s2());
    return new LossTerms(Ops.multiply(Ops.multiply(weighted, d), -0.5), ImmutableMap.of());
  }
}
