package io.github.p3o.loss;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.MoreObjects;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * Pairwise Proximal Policy Optimization (Wu et al., arXiv 2310.00212), separate clipping (V1) and
 * joint clipping (V2). With Δ the KL-shaped difference of the rewards, ρᵢ = exp(sᵢ − oᵢ) and {@code
 * wⱼ = sg(clip(ρⱼ, 1/c, c))}:
 *
 * <pre>
 * V1 = −½ Σ over (i,j) of min(Δᵢⱼ wⱼ ρᵢ, Δᵢⱼ wⱼ clip(ρᵢ, 1−ε, 1+ε)),   (i,j) = (1,2), (2,1)
 * V2 = −½ min(Δ w d, Δ w clip(d, d₀−ε, d₀+ε)),   w = sg(clip(ρ₁ρ₂, 1/c, c)), d = s₁ − s₂, d₀ = o₁ − o₂
 * </pre>
 *
 * <p>Only the difference of two rewards of the same prompt enters, so that a shift of the reward by
 * δ(prompt) changes nothing.
 */
public final class P3OLoss implements PairwiseLoss {

  /** The two ways to clip. */
  public enum Form {
    /** Each response's ratio is clipped by itself. */
    V1,
    /** The difference of the two log-probabilities is clipped. */
    V2
  }

  /** Reported as the share of importance weights that reached 1/c or c. */
  static final String WEIGHT_CLIP_FRACTION = "policy/weight_clipfrac";

  private final Form form;
  private final double clipRange;
  private final double weightClip;
  private final KlShaping klShaping;

  private P3OLoss(Form form, double clipRange, double weightClip, KlShaping klShaping) {
    this.form = form;
    this.clipRange = clipRange;
    this.weightClip = weightClip;
    this.klShaping = klShaping;
  }

  /**
   * P3O-V1, separate clipping, with the author's ε = 0.2, c = 10, β = 0.05.
   *
   * @return the loss
   */
  public static P3OLoss v1() {
    return new P3OLoss(Form.V1, 0.2, 10, KlShaping.rollout(0.05));
  }

  /**
   * P3O-V2, joint clipping, with the author's ε = 0.2, c = 10, β = 0.05.
   *
   * @return the loss
   */
  public static P3OLoss v2() {
    return new P3OLoss(Form.V2, 0.2, 10, KlShaping.rollout(0.05));
  }

  /**
   * The same loss with another clip range.
   *
   * @param clipRange ε &gt; 0; infinite to clip nothing. Of ρ for V1 (where 1−ε may pass 0: such a
   *     bound never holds), of a log-probability difference in nats for V2
   * @return the loss
   * @throws IllegalArgumentException unless positive
   */
  public P3OLoss withClipRange(double clipRange) {
    checkArgument(clipRange > 0, "clipRange: expected > 0, got %s", clipRange);
    return new P3OLoss(form, clipRange, weightClip, klShaping);
  }

  /**
   * The same loss with another bound of the importance weight.
   *
   * @param weightClip c ≥ 1: weights are kept within 1/c and c; infinite to bound nothing
   * @return the loss
   * @throws IllegalArgumentException if below 1
   */
  public P3OLoss withWeightClip(double weightClip) {
    checkArgument(weightClip >= 1, "weightClip: expected >= 1, got %s", weightClip);
    return new P3OLoss(form, clipRange, weightClip, klShaping);
  }

  /**
   * The same loss with another KL term.
   *
   * @param klShaping coefficient β and where the KL is taken
   * @return the loss
   */
  public P3OLoss withKlShaping(KlShaping klShaping) {
    Given.notNull("klShaping", "one", klShaping);
    return new P3OLoss(form, clipRange, weightClip, klShaping);
  }

  /**
   * The KL term in the reward.
   *
   * @return coefficient β and where the KL is taken
   */
  public KlShaping klShaping() {
    return klShaping;
  }

  /**
   * The way this loss clips.
   *
   * @return V1 or V2
   */
  public Form form() {
    return form;
  }

  @Override
  public String name() {
    return form == Form.V1 ? "p3o-v1" : "p3o-v2";
  }

  /** The name and every setting. */
  @Override
  public String toString() {
    return MoreObjects.toStringHelper(name())
        .add("clipRange", clipRange)
        .add("weightClip", weightClip)
        .add("klShaping", klShaping)
        .toString();
  }

  @Override
  public double klPenalty() {
    return klShaping.coefficient();
  }

  @Override
  public LossTerms build(PairVariables pair) {
    return form == Form.V1 ? separate(pair) : joint(pair);
  }

  private LossTerms separate(PairVariables p) {
    SDVariable delta = klShaping.relativeReward(p);
    SDVariable rho1 = Ratios.ratio(p.s1(), p.o1());
    SDVariable rho2 = Ratios.ratio(p.s2(), p.o2());
    SDVariable w1 = Ratios.weight(rho1, weightClip);
    SDVariable w2 = Ratios.weight(rho2, weightClip);
    Surrogate first = Surrogate.of(Ops.multiply(delta, w2), rho1, 1 - clipRange, 1 + clipRange);
    Surrogate second =
        Surrogate.of(Ops.multiply(Ops.negate(delta), w1), rho2, 1 - clipRange, 1 + clipRange);
    return new LossTerms(
        Ops.multiply(Ops.add(first.value(), second.value()), -0.5),
        diagnostics(
            Surrogate.clipFractions(first, second),
            Ops.multiply(
                Ops.add(Ratios.outside(rho1, weightClip), Ratios.outside(rho2, weightClip)), 0.5)));
  }

  private LossTerms joint(PairVariables p) {
    SDVariable delta = klShaping.relativeReward(p);
    SDVariable product = Ratios.product(p);
    SDVariable w = Ratios.weight(product, weightClip);
    SDVariable d = Ops.subtract(p.s1(), p.s2());
    // d − d₀ is clipped to ±ε, and d₀ added again: the same as clipping d to d₀ ± ε.
    SDVariable d0 = Ops.subtract(p.o1(), p.o2());
    SDVariable advantage = Ops.multiply(delta, w);
    Surrogate moved = Surrogate.of(advantage, Ops.subtract(d, d0), -clipRange, clipRange);
    SDVariable value = Ops.add(moved.value(), Ops.multiply(advantage, d0));
    return new LossTerms(
        Ops.multiply(value, -0.5),
        diagnostics(Surrogate.clipFractions(moved), Ratios.outside(product, weightClip)));
  }

  private static ImmutableMap<String, SDVariable> diagnostics(
      ImmutableMap<String, SDVariable> clipFractions, SDVariable weightClipFraction) {
    return ImmutableMap.<String, SDVariable>builder()
        .putAll(clipFractions)
        .put(WEIGHT_CLIP_FRACTION, weightClipFraction)
        .buildOrThrow();
  }
}
