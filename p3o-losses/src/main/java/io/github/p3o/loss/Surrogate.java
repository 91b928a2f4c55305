package io.github.p3o.loss;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The pessimistic surrogate {@code min(A x, A clip(x, low, high))} of PPO (Schulman et al., arXiv
 * 1707.06347, eq. 7), as a mask: it is clipped exactly when A &gt; 0 and x &gt; high, or A &lt; 0
 * and x &lt; low. On the boundary it is not clipped. A clipped term has the clipped value and no
 * gradient.
 *
 * @param value the surrogate, to be maximised {@code [pairs]}
 * @param clipped 1 where it is clipped, else 0 {@code [pairs]}
 * @param above 1 where it is clipped at the upper bound, else 0 {@code [pairs]}
 * @param below 1 where it is clipped at the lower bound, else 0 {@code [pairs]}
 */
record Surrogate(SDVariable value, SDVariable clipped, SDVariable above, SDVariable below) {

  /** Reported as the share of terms that are clipped. */
  static final String CLIP_FRACTION = "policy/clipfrac_avg";

  /** Of these, where the policy has made a good response likelier by more than the clip range. */
  static final String CLIP_FRACTION_ABOVE = "policy/clipfrac_high_avg";

  /** Of these, where it has made a bad response less likely by more than the clip range. */
  static final String CLIP_FRACTION_BELOW = "policy/clipfrac_low_avg";

  static Surrogate of(SDVariable advantage, SDVariable x, double low, double high) {
    SDVariable above = Ops.multiply(Ops.isGreater(advantage, 0), Ops.isGreater(x, high));
    SDVariable below = Ops.multiply(Ops.isLess(advantage, 0), Ops.isLess(x, low));
    SDVariable clipped = Ops.add(above, below);
    // An infinite bound is never reached, and 0 · ∞ would be NaN.
    SDVariable bound =
        Ops.add(
            Ops.multiply(above, Double.isFinite(high) ? high : 0),
            Ops.multiply(below, Double.isFinite(low) ? low : 0));
    SDVariable held = Ops.add(Ops.multiply(Ops.not(clipped), x), bound);
    return new Surrogate(Ops.multiply(advantage, held), clipped, above, below);
  }

  /** The shares of some surrogates of a pair that are clipped: in all, above and below. */
  static ImmutableMap<String, SDVariable> clipFractions(Surrogate... surrogates) {
    int k = surrogates.length;
    return ImmutableMap.of(
        CLIP_FRACTION, Responses.mean(k, i -> surrogates[i].clipped()),
        CLIP_FRACTION_ABOVE, Responses.mean(k, i -> surrogates[i].above()),
        CLIP_FRACTION_BELOW, Responses.mean(k, i -> surrogates[i].below()));
  }
}
