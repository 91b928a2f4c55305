package io.github.p3o.spark;

import io.github.p3o.PairSampler;
import io.github.p3o.Policy;
import io.github.p3o.PolicyLoss;
import io.github.p3o.RewardModel;
import java.io.Serializable;

/**
 * How the driver and every executor make their own models. What is sent to them is this object, so
 * it holds names and numbers, a path or a seed, and no model; a record will do. All of them must
 * make the same: models are read from the same files, or are random from the same seed.
 *
 * <p>Only {@link Policy#parameters} travel afterwards. A policy with a low-rank adapter sends its
 * adapter alone; the weights under it are read once by each executor.
 *
 * @param <P> the type of the policy
 */
public interface SparkModels<P extends Policy> extends Serializable {

  /**
   * The policy as it is at the start of the run.
   *
   * @return a new policy; it is closed by whoever asked
   */
  P policy();

  /**
   * The objective.
   *
   * @return such as {@code P3OLoss.v2()}
   */
  PolicyLoss loss();

  /**
   * Who draws the responses.
   *
   * @param policy what {@link #policy} gave, with the parameters of the moment
   * @return samples from that policy
   */
  PairSampler sampler(P policy);

  /**
   * Who scores the responses.
   *
   * @return higher is better; one for each task that runs at the same time, closed with the policy
   *     if it can be, as the sampler is
   */
  RewardModel rewardModel();
}
