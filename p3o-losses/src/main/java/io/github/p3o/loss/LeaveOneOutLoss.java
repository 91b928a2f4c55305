package io.github.p3o.loss;

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
  public double klPenalty() {
    return klShaping.coefficient();
  }

  @Override
  public LossTerms build(ResponseVariables responses) {
    int k = responses.count();
    return new LossTerms(
        Responses.mean(
            k, i -> Ops.negate(Ops.multiply(advantage(responses, i), responses.logProb(i)))),
        ImmutableMap.of());
  }

  /** {@code r̂ᵢ − mean of the others = mean over j ≠ i of Δᵢⱼ}. */
  private SDVariable advantage(ResponseVariables responses, int i) {
    int others = responses.count() - 1;
    return Responses.mean(
        others,
        index -> {
          int j = index < i ? index : index + 1;
          return i < j
              ? klShaping.relativeReward(responses.pair(i, j))
              : Ops.negate(klShaping.relativeReward(responses.pair(j, i)));
        });
  }
}
