package io.github.p3o.loss;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.ActorCriticLoss;
import io.github.p3o.LossTerms;
import io.github.p3o.TokenAdvantages;
import io.github.p3o.TokenRollout;
import io.github.p3o.TokenTargets;
import io.github.p3o.TokenVariables;
import io.github.p3o.internal.Ops;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * PPO on single tokens with a learned value (Schulman et al., arXiv 1707.06347; for language
 * models, Ouyang et al., arXiv 2203.02155). Of each token, with ρ the ratio of its own
 * probabilities, A its advantage, V its value and R its return:
 *
 * <pre>
 * −min(ρA, clip(ρ, 1−ε, 1+ε) A) + c · ½ max((V−R)², (clip(V, V_old ± ε_v) − R)²)
 * </pre>
 *
 * <p>A and R are taken from the rollout by generalized advantage estimation; the mean is over
 * response tokens. A shift of the reward by δ(prompt) changes its gradient, until the values have
 * learned the shift.
 *
 * @param config the constants
 */
public record TokenPpoLoss(PpoConfig config) implements ActorCriticLoss {

  /** The usual constants. */
  public TokenPpoLoss() {
    this(new PpoConfig());
  }

  @Override
  public String name() {
    return "ppo";
  }

  @Override
  public double klPenalty() {
    return config.klCoefficient();
  }

  @Override
  public ImmutableList<TokenTargets> targets(ImmutableList<TokenRollout> rollout, double klScale) {
    PpoConfig scaled = config.withKlCoefficient(config.klCoefficient() * klScale);
    List<GeneralizedAdvantage> raw =
        rollout.stream().map(response -> GeneralizedAdvantage.of(response, scaled)).toList();
    ImmutableList<TokenAdvantages> whitened =
        config.whitening().apply(raw.stream().map(GeneralizedAdvantage::advantages).toList());
    return IntStream.range(0, rollout.size())
        .mapToObj(
            i ->
                new TokenTargets(
                    rollout.get(i).oldLogProbs(),
                    rollout.get(i).values(),
                    whitened.get(i),
                    raw.get(i).returns()))
        .collect(ImmutableList.toImmutableList());
  }

  @Override
  public LossTerms build(TokenVariables tokens) {
    SDVariable ratio = Ratios.ratio(tokens.logProbs(), tokens.oldLogProbs());
    Surrogate surrogate =
        Surrogate.of(tokens.advantages(), ratio, 1 - config.clipRange(), 1 + config.clipRange());
    SDVariable policy = Ops.negate(surrogate.value());
    ValueLoss value = ValueLoss.of(tokens, config.valueClipRange());
    return new LossTerms(
        Ops.add(policy, Ops.multiply(value.loss(), config.valueCoefficient())),
        ImmutableMap.<String, SDVariable>builder()
            .put("loss/policy_avg", Ops.stopGradient(policy))
            .put("loss/value_avg", Ops.stopGradient(value.loss()))
            .putAll(Surrogate.clipFractions(surrogate))
            .put("val/clipfrac_avg", value.clipped())
            .buildOrThrow());
  }

  /**
   * The clipped value loss {@code ½ max((V−R)², (clip(V, V_old ± ε_v) − R)²)}, as a mask: it is
   * clipped exactly where V is out of its range and nearer to R than the bound is. Then it has the
   * bound's value and no gradient.
   *
   * @param loss of each token
   * @param clipped 1 where it is clipped, else 0
   */
  private record ValueLoss(SDVariable loss, SDVariable clipped) {

    static ValueLoss of(TokenVariables tokens, double range) {
      SDVariable moved = Ops.subtract(tokens.values(), tokens.oldValues());
      SDVariable above = Ops.isGreater(moved, range);
      SDVariable below = Ops.isLess(moved, -range);
      // An infinite range is never left, and 0 · ∞ would be NaN.
      double finite = Double.isFinite(range) ? range : 0;
      SDVariable allowed = Ops.multiply(Ops.subtract(above, below), finite);
      SDVariable bound = Ops.add(tokens.oldValues(), allowed);
      SDVariable free = square(Ops.subtract(tokens.values(), tokens.returns()));
      SDVariable held = Ops.stopGradient(square(Ops.subtract(bound, tokens.returns())));
      SDVariable clipped = Ops.multiply(Ops.add(above, below), Ops.isGreater(held, free));
      SDVariable larger =
          Ops.add(Ops.multiply(Ops.not(clipped), free), Ops.multiply(clipped, held));
      return new ValueLoss(Ops.multiply(larger, 0.5), clipped);
    }

    private static SDVariable square(SDVariable x) {
      return Ops.multiply(x, x);
    }
  }
}
