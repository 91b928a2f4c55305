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

  /** {@code A = sg(r̂ᵢ − b)}. */
  SDVariable advantage(KlShaping shaping, ResponseVariables responses, int i) {
    SDVariable reward = shaping.shapedReward(responses, i);
    return this == NONE
        ? reward
        : Ops.subtract(reward, shaping.meanShapedReward(responses.batchMeans()));
  }
}
