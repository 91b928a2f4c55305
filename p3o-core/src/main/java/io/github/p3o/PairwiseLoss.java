package io.github.p3o;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.Ops;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * An objective on pairs of responses, as a SameDiff graph. Rewards enter as differences alone, so
 * that a shift of the reward by δ(prompt) is gone before anything is computed. The library's own
 * are in {@code io.github.p3o.loss}.
 */
public interface PairwiseLoss extends PolicyLoss {

  /**
   * Adds the loss of each pair to the graph of its inputs.
   *
   * @param pair log-probabilities and reward difference of each pair
   * @return the loss of each pair {@code [pairs]} and its diagnostics
   */
  LossTerms build(PairVariables pair);

  @Override
  default RewardView rewardView() {
    return RewardView.DIFFERENCES;
  }

  /**
   * The mean over all k(k−1)/2 pairs of each prompt.
   *
   * @param responses log-probabilities and rewards of the k responses to each prompt
   * @return the loss of each prompt {@code [groups]} and its diagnostics
   */
  @Override
  default LossTerms build(ResponseVariables responses) {
    int k = responses.count();
    double share = 2.0 / (k * (k - 1.0));
    @Nullable SDVariable losses = null;
    Map<String, SDVariable> diagnostics = new LinkedHashMap<>();
    for (int i = 0; i < k; i++) {
      for (int j = i + 1; j < k; j++) {
        LossTerms terms = build(responses.pair(i, j));
        SDVariable part = Ops.multiply(terms.losses(), share);
        losses = losses == null ? part : Ops.add(losses, part);
        terms
            .diagnostics()
            .forEach((name, d) -> diagnostics.merge(name, Ops.multiply(d, share), Ops::add));
      }
    }
    if (losses == null) {
      throw new IllegalArgumentException("responses: expected at least 2 a prompt, got " + k);
    }
    return new LossTerms(losses, ImmutableMap.copyOf(diagnostics));
  }
}
