package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.LossTerms;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.TokenLogProbs;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An objective together with the policy that it trains, whatever it looks at. */
public interface Objective extends AutoCloseable {

  /**
   * A new graph of the policy and the objective.
   *
   * @param logProbs log π_θ(y|x) {@code [sequences]}
   * @param terms the loss before its mean is taken
   */
  record Graph(SDVariable logProbs, LossTerms terms) {}

  /** Of the loss. */
  String name();

  /** What it sees of the rewards. */
  PolicyLoss.RewardView rewardView();

  /** The name and every setting, for messages and checkpoints. */
  String description();

  /**
   * Whether its ratios are to the log-probabilities that were recorded when a response was drawn.
   */
  boolean correctsForStaleness();

  /** β of a KL in the reward, before it is scaled; 0 if there is none. */
  double klPenalty();

  /**
   * Adds to a rollout what stays fixed during the updates on it.
   *
   * @param rollout just sampled and scored
   * @param reference log π_ref of the tokens of each response, row-major {@code [k, groups]}
   * @param klScale what β is multiplied by
   */
  PairwiseBatch prepare(
      PairwiseBatch rollout, ImmutableList<TokenLogProbs> reference, double klScale);

  /** The graph for a shape. */
  Graph build(BatchShape shape);

  /** What the objective's placeholders hold for a part of a batch. */
  Map<String, INDArray> feed(PairwiseBatch part, Whole whole);

  /** How many losses the mean over a batch is over, and other means. */
  Whole whole(PairwiseBatch batch);

  @Override
  void close();
}
