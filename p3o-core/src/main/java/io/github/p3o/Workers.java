package io.github.p3o;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import java.util.random.RandomGenerator;

/**
 * Others that do the heavy work of a {@link P3OTrainer}, such as the machines of a cluster: they
 * sample, score and differentiate with the policy's parameters as they are when called. The trainer
 * keeps the rest: prompts, shaping of rewards, mini-batches, updates, metrics and checkpoints.
 */
public interface Workers {

  /**
   * Draws responses to prompts, and scores them by the reward model and the reference policy.
   *
   * @param ids the identity of each prompt {@code [groups]}
   * @param prompts {@code [groups]}
   * @param random the only source of chance
   * @return the pairs in the order of the prompts, with the rewards as the reward model gave them
   * @throws NonFiniteException if a reward or log-probability is not finite
   */
  PairwiseBatch rollout(
      ImmutableLongArray ids, ImmutableList<Prompt> prompts, RandomGenerator random);

  /**
   * The gradient of the mean loss over a batch.
   *
   * @param batch pairs with prompts and responses
   * @param klScale what the objective's KL coefficient is multiplied by, see {@link KlControl}
   * @return the gradient; the caller closes it
   * @throws NonFiniteException if the loss or a log-probability is not finite
   */
  Gradients gradients(PairwiseBatch batch, double klScale);
}
