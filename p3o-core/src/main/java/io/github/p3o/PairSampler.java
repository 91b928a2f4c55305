package io.github.p3o;

import com.google.common.collect.ImmutableList;
import java.util.random.RandomGenerator;

/**
 * Draws responses from a policy and records the log-probability of what it drew. A host's own
 * sampler, a remote inference server or a queue of logged pairs, needs only this interface.
 */
@FunctionalInterface
public interface PairSampler {

  /**
   * Draws responses to every prompt, independently of each other.
   *
   * @param prompts {@code [groups]}
   * @param responses k ≥ 2, the responses to each prompt
   * @param random the only source of chance
   * @return the responses, with log-probabilities under the distribution that was sampled from
   */
  Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random);
}
