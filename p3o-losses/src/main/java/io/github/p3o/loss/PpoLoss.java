package io.github.p3o.loss;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.LossTerms;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.Ops;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * PPO on whole responses, the bandit form (Schulman et al., arXiv 1707.06347, eq. 7): {@code
 * −mean(min(ρA, clip(ρ, 1−ε, 1+ε) A))} with A = r̂ − b. A shift of the reward by δ(prompt) changes
 * its gradient.
 *
 * @param clipRange ε &gt; 0; infinite to clip nothing
 * @param klShaping coefficient β and where the KL is taken
 * @param baseline b
 */
public record PpoLoss(double clipRange, KlShaping klShaping, Baseline baseline)
    implements PolicyLoss {

  /** Checks every setting. */
  public PpoLoss {
    Given.notNull("klShaping", "one", klShaping);
    Given.notNull("baseline", "one", baseline);
    checkArgument(clipRange > 0, "clipRange: expected > 0, got %s", clipRange);
  }

  /** ε = 0.2, β = 0.05 at rollout and the batch mean as baseline. */
  public PpoLoss() {
    this(0.2, KlShaping.rollout(0.05), Baseline.BATCH_MEAN);
  }

  @Override
  public String name() {
    return "ppo-sequence";
  }

  @Override
  public double klPenalty() {
    return klShaping.coefficient();
  }

  @Override
  public LossTerms build(ResponseVariables responses) {
    Surrogate[] surrogates =
        IntStream.range(0, responses.count())
            .mapToObj(i -> surrogate(responses, i))
            .toArray(Surrogate[]::new);
    int k = surrogates.length;
    return new LossTerms(
        Ops.negate(Responses.mean(k, i -> surrogates[i].value())),
        Surrogate.clipFractions(surrogates));
  }

  private Surrogate surrogate(ResponseVariables responses, int i) {
    SDVariable ratio = Ratios.ratio(responses.logProb(i), responses.oldLogProb(i));
    SDVariable advantage = baseline.advantage(klShaping, responses, i);
    return Surrogate.of(advantage, ratio, 1 - clipRange, 1 + clipRange);
  }
}
