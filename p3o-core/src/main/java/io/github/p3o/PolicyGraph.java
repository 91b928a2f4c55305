package io.github.p3o;

import io.github.p3o.internal.Given;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * The log-probabilities of a batch of responses, as variables of a graph; nats.
 *
 * @param logProbs log π_θ(y|x) {@code [sequences]}: sums over response tokens
 * @param tokenLogProbs {@code [sequences, responseTokens]}, 0 at padded positions
 * @param tokenMask {@code [sequences, responseTokens]}, 1 at response tokens, 0 at padding
 */
public record PolicyGraph(SDVariable logProbs, SDVariable tokenLogProbs, SDVariable tokenMask) {

  /** Refuses null. */
  public PolicyGraph {
    Given.notNull("policy", "logProbs", logProbs);
    Given.notNull("policy", "tokenLogProbs", tokenLogProbs);
    Given.notNull("policy", "a tokenMask", tokenMask);
  }

  /**
   * The graph that the variables belong to.
   *
   * @return the graph, to which an objective may be added
   */
  public SameDiff graph() {
    return logProbs.getSameDiff();
  }
}
