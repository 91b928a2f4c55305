package io.github.p3o.loss;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * REINFORCE leave-one-out (Kool et al., 2019; Ahmadian et al., arXiv 2402.14740): {@code
 * −mean(sg(r̂ᵢ − mean of the other r̂) sᵢ)}, for responses of the policy itself. The advantage is
 * taken as a mean of differences, so that a shift of the reward by δ(prompt) is gone before any
 * rounding.
 *
 * @param klShaping coefficient β and where the KL is taken
 */
public record LeaveOneOutLoss(KlShaping klShaping) implements PolicyLoss {

  /** β = 0.05 at rollout. */
  public LeaveOneOutLoss() {
    this(KlShaping.rollout(0.05));
  }

  @Override
  public String name() {
    return "rloo";
  }

  @Override
  public RewardView rewardView() {
    return RewardView.DIFFERENCES;
  }

  @Override
  public double klPenalty() {
    return klShaping.coefficient();
  }

  @Override
  public LossTerms build(ResponseVariables responses) {
    // r̂ᵢ − mean of the others = mean over j ≠ i of Δᵢⱼ
    ImmutableList<SDVariable> advantages =
        responses.meanAgainstOthers(klShaping.relativeReward(responses.pairs()));
    return new LossTerms(
        Responses.mean(
            responses.count(),
            i ->
                Ops.negate(
                    Ops.multiply(Ops.stopGradient(advantages.get(i)), responses.logProb(i)))),
        ImmutableMap.of());
  }
}
