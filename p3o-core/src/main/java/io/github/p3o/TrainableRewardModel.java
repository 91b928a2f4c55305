package io.github.p3o;

import org.nd4j.autodiff.samediff.SDVariable;

/** A reward model whose score is a differentiable SameDiff graph, to be fitted to comparisons. */
public interface TrainableRewardModel extends RewardModel, GraphModel {

  /**
   * A new graph of the scores of responses, to which an objective is then added.
   *
   * @param shape the batch that the graph is for
   * @return scores {@code [sequences]}, a variable of the new graph
   */
  SDVariable build(BatchShape shape);
}
