package io.github.p3o.loss;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.PairVariables;
import io.github.p3o.ResponseVariables;
import io.github.p3o.internal.KlScale;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The KL term in the reward: {@code r̂ = r − β (k − f)} with k = log π_old (rollout, Algorithm 1 of
 * arXiv 2310.00212) or k = sg(log π_θ) (current, as in the code of its first author), and f = log
 * π_ref.
 *
 * @param coefficient β ≥ 0, in reward per nat
 * @param placement which log-probability the KL is taken of
 */
public record KlShaping(double coefficient, Placement placement) {

  /** Where the KL is taken. */
  public enum Placement {
    /** Of the policy that sampled the response. */
    ROLLOUT,
    /** Of the policy as it is now; no gradient passes. */
    CURRENT
  }

  /** Checks the coefficient. */
  public KlShaping {
    checkArgument(
        coefficient >= 0 && Double.isFinite(coefficient),
        "klCoefficient: expected a finite number >= 0, got %s",
        coefficient);
  }

  /**
   * The KL of the policy that sampled.
   *
   * @param coefficient β ≥ 0
   * @return the shaping
   */
  public static KlShaping rollout(double coefficient) {
    return new KlShaping(coefficient, Placement.ROLLOUT);
  }

  /**
   * The KL of the policy as it is now.
   *
   * @param coefficient β ≥ 0
   * @return the shaping
   */
  public static KlShaping current(double coefficient) {
    return new KlShaping(coefficient, Placement.CURRENT);
  }

  /** {@code Δ = sg((r₁ − r₂) − β((k₁ − f₁) − (k₂ − f₂)))}. */
  SDVariable relativeReward(PairVariables p) {
    boolean current = placement == Placement.CURRENT;
    SDVariable kl1 = Ops.subtract(current ? p.s1() : p.o1(), p.f1());
    SDVariable kl2 = Ops.subtract(current ? p.s2() : p.o2(), p.f2());
    SDVariable penalty = penalty(Ops.subtract(kl1, kl2));
    return Ops.stopGradient(Ops.subtract(p.rewardDifference(), penalty));
  }

  /** {@code r̂ᵢ = rᵢ − β (kᵢ − fᵢ)} of one response; no gradient passes. */
  SDVariable shapedReward(ResponseVariables responses, int i) {
    boolean current = placement == Placement.CURRENT;
    SDVariable k = current ? responses.logProb(i) : responses.oldLogProb(i);
    SDVariable kl = Ops.subtract(k, responses.referenceLogProb(i));
    return Ops.stopGradient(Ops.subtract(responses.reward(i), penalty(kl)));
  }

  /** The mean of r̂ over the batch: a baseline. */
  SDVariable meanShapedReward(ResponseVariables.BatchMeans means) {
    checkArgument(
        placement == Placement.ROLLOUT || coefficient == 0,
        "klShaping: expected ROLLOUT with a batch-mean baseline, got %s",
        placement);
    return Ops.subtract(means.reward(), penalty(means.rolloutKl()));
  }

  /** β times the KL, and times the factor of the trainer's KL control. */
  private SDVariable penalty(SDVariable kl) {
    return KlScale.apply(Ops.multiply(kl, coefficient));
  }
}
