package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * One sampled response, token by token, as it is before any update.
 *
 * @param oldLogProbs log π_old of each token: of the policy at the time of the rollout
 * @param referenceLogProbs log π_ref of each token
 * @param values the policy's estimate, before each token, of the rewards from there on
 * @param reward of the whole response, finite
 */
public record TokenRollout(
    TokenLogProbs oldLogProbs, TokenLogProbs referenceLogProbs, TokenValues values, double reward) {

  /** Checks that all parts have the same length. */
  public TokenRollout {
    Tokens.checkLength("referenceLogProbs", oldLogProbs.length(), referenceLogProbs.length());
    Tokens.checkLength("values", oldLogProbs.length(), values.length());
    checkArgument(Double.isFinite(reward), "reward: expected a finite value, got %s", reward);
  }

  /**
   * The length of the response.
   *
   * @return tokens, at least 1
   */
  public int length() {
    return oldLogProbs.length();
  }
}
