package io.github.p3o.loss;

import io.github.p3o.ResponseVariables;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/** What is subtracted from a shaped reward r̂ to make an advantage of it. */
public enum Baseline {
  /** Nothing. */
  NONE,
  /** The mean of r̂ over the batch: any shift that differs between prompts stays. */
  BATCH_MEAN;

  /** {@code A = sg(r̂ − b)} of each response {@code [k, groups]}. */
  SDVariable advantage(KlShaping shaping, ResponseVariables responses) {
    SDVariable reward = shaping.shapedReward(responses);
    return this == NONE
        ? reward
        : Ops.subtract(reward, shaping.meanShapedReward(responses.batchMeans()));
  }
}
