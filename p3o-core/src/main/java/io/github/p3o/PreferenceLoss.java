package io.github.p3o;

import org.nd4j.autodiff.samediff.SDVariable;

/** An objective on the scores that a reward model gives to compared responses. */
public interface PreferenceLoss {

  /**
   * The name under which runs and reports show the objective.
   *
   * @return a short name
   */
  String name();

  /**
   * Adds the loss of each comparison to the graph of the scores.
   *
   * @param chosen r(x, y_w), the score of the preferred response {@code [pairs]}, float64
   * @param rejected r(x, y_l), the score of the other {@code [pairs]}, float64
   * @return the loss of each comparison and its diagnostics
   */
  LossTerms build(SDVariable chosen, SDVariable rejected);
}
