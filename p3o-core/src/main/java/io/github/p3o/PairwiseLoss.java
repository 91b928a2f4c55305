package io.github.p3o;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;

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
   * The mean over all k(k−1)/2 pairs of each prompt. The loss is built once, on all pairs at once.
   *
   * @param responses log-probabilities and rewards of the k responses to each prompt
   * @return the loss of each prompt {@code [groups]} and its diagnostics
   */
  @Override
  default LossTerms build(ResponseVariables responses) {
    LossTerms terms = build(responses.pairs());
    return new LossTerms(
        responses.meanOverPairs(terms.losses()),
        ImmutableMap.copyOf(Maps.transformValues(terms.diagnostics(), responses::meanOverPairs)));
  }
}
