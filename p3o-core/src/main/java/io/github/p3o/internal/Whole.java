package io.github.p3o.internal;

import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.PairwiseBatch;
import java.io.Serializable;

/**
 * What the loss of a part must know of the batch that it is a part of, so that the parts' gradients
 * add up to the batch's, wherever they are computed.
 *
 * @param losses how many losses the mean over the batch is over
 * @param meanReward over all responses
 * @param meanRolloutKl of log π_old − log π_ref over all responses
 */
public record Whole(long losses, double meanReward, double meanRolloutKl) implements Serializable {

  /** Of a batch whose losses are so many. */
  public static Whole of(PairwiseBatch batch, long losses) {
    return new Whole(
        losses,
        mean(batch.rewards().values()),
        mean(batch.oldLogProbs().values()) - mean(batch.referenceLogProbs().values()));
  }

  private static double mean(ImmutableDoubleArray values) {
    return values.stream().average().orElseThrow();
  }
}
