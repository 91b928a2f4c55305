package io.github.p3o;

/**
 * What stays fixed for the tokens of one response while the policy is updated on its rollout.
 *
 * @param oldLogProbs log π_old of each token: of the policy at the time of the rollout
 * @param oldValues the policy's values at that time
 * @param advantages what each token's log-probability is to be raised or lowered by
 * @param returns what the values are to be fitted to
 */
public record TokenTargets(
    TokenLogProbs oldLogProbs,
    TokenValues oldValues,
    TokenAdvantages advantages,
    TokenValues returns) {

  /** Checks that all parts have the same length. */
  public TokenTargets {
    Tokens.checkLength("oldValues", oldLogProbs.length(), oldValues.length());
    Tokens.checkLength("advantages", oldLogProbs.length(), advantages.length());
    Tokens.checkLength("returns", oldLogProbs.length(), returns.length());
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
