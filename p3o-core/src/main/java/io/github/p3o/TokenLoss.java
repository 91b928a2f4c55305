package io.github.p3o;

import org.nd4j.autodiff.samediff.SDVariable;

/** An objective on the log-probabilities of the tokens of given responses. */
public interface TokenLoss {

  /**
   * The name under which runs and reports show the objective.
   *
   * @return a short name
   */
  String name();

  /**
   * Adds the loss of each token to the graph of the policy.
   *
   * @param policy log-probabilities {@code [sequences, responseTokens]} and their mask
   * @return {@code [sequences, responseTokens]}, 0 at padding; the mean is over response tokens
   */
  SDVariable build(PolicyGraph policy);
}
