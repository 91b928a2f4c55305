package io.github.p3o.loss;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import io.github.p3o.internal.Ops;

/**
 * The plain policy gradient (REINFORCE; Williams, Machine Learning 8, 1992): {@code −mean(sg(r̂ −
 * b) s)}, for responses of the policy itself. A shift of the reward by δ(prompt) changes its
 * gradient: it is here to show that.
 *
 * @param klShaping coefficient β and where the KL is taken
 * @param baseline b
 */
public record PolicyGradientLoss(KlShaping klShaping, Baseline baseline) implements PolicyLoss {

  /** β = 0.05 at rollout and the batch mean as baseline. */
  public PolicyGradientLoss() {
    this(KlShaping.rollout(0.05), Baseline.BATCH_MEAN);
  }

  @Override
  public String name() {
    return "vpg";
  }

  @Override
  public double klPenalty() {
    return klShaping.coefficient();
  }

  @Override
  public LossTerms build(ResponseVariables responses) {
    return new LossTerms(
        Responses.mean(
            responses.count(),
            i ->
                Ops.negate(
                    Ops.multiply(
                        baseline.advantage(klShaping, responses, i), responses.logProb(i)))),
        ImmutableMap.of());
  }
}
