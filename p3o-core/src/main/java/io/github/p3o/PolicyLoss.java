package io.github.p3o;

/**
 * An objective on the log-probabilities of sampled responses, as a SameDiff graph. {@link
 * PairwiseLoss} is the kind that sees rewards only as differences within a prompt.
 */
public interface PolicyLoss {

  /** What an objective sees of the rewards. */
  enum RewardView {
    /** Differences within a prompt alone: a shift of the reward by δ(prompt) changes nothing. */
    DIFFERENCES,
    /** The rewards as they are. */
    VALUES
  }

  /**
   * The name under which runs and reports show the objective.
   *
   * @return a short name, such as {@code p3o-v2}
   */
  String name();

  /**
   * What the objective sees of the rewards. One that says DIFFERENCES is given nothing else.
   *
   * @return VALUES, unless the objective says otherwise
   */
  default RewardView rewardView() {
    return RewardView.VALUES;
  }

  /**
   * What a nat of KL costs in the objective's reward.
   *
   * @return β ≥ 0, in reward per nat; 0 if there is no KL in the reward
   */
  default double klPenalty() {
    return 0;
  }

  /**
   * Adds the loss of each prompt to the graph of its inputs.
   *
   * @param responses log-probabilities and rewards of the k responses to each prompt
   * @return the loss of each prompt {@code [groups]} and its diagnostics
   */
  LossTerms build(ResponseVariables responses);

  /**
   * Runs the graph once on plain numbers, so that a policy in any other engine can be trained: feed
   * the gradient back into that engine. A {@link LossEvaluator} keeps the graph for the next time.
   *
   * @param batch k responses to each prompt
   * @param logProbs log π_θ(y|x) now {@code [k, groups]}
   * @return the mean loss, its gradient and statistics
   * @throws IllegalArgumentException if the shapes differ
   * @throws NonFiniteException if the loss or its gradient is not finite; names the pair, if it is
   *     one alone
   */
  default Evaluation evaluate(PairwiseBatch batch, LogProbs logProbs) {
    try (LossEvaluator evaluator = new LossEvaluator(this)) {
      return evaluator.evaluate(batch, logProbs);
    }
  }
}
