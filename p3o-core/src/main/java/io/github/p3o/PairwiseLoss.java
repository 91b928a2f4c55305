package io.github.p3o;

/**
 * An objective on pairs of responses, as a SameDiff graph. The library's own are in {@code
 * io.github.p3o.loss}.
 */
public interface PairwiseLoss {

  /**
   * The name under which runs and reports show the objective.
   *
   * @return a short name, such as {@code p3o-v2}
   */
  String name();

  /**
   * Adds the loss of each pair to the graph of its inputs.
   *
   * @param pair log-probabilities and reward difference of each pair
   * @return the loss of each pair and its diagnostics
   */
  LossTerms build(PairVariables pair);

  /**
   * Runs the graph once on plain numbers, so that a policy in any other engine can be trained: feed
   * the gradient back into that engine. A {@link LossEvaluator} keeps the graph for the next time.
   *
   * @param batch k responses to each prompt
   * @param logProbs log π_θ(y|x) now {@code [k, groups]}
   * @return the mean loss, its gradient and statistics
   * @throws IllegalArgumentException if the shapes differ
   */
  default Evaluation evaluate(PairwiseBatch batch, LogProbs logProbs) {
    try (LossEvaluator evaluator = new LossEvaluator(this)) {
      return evaluator.evaluate(batch, logProbs);
    }
  }
}
