package io.github.p3o;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.Given;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

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
   * @return the responses, with log-probabilities under the distribution that was sampled from; to
   *     fewer prompts, or to others, where they come from a log or a queue: a trainer takes what it
   *     is given, and refuses no prompts, more than it asked for, or another k
   */
  Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random);

  /**
   * Draws the responses to each prompt from a seed of its own: they are the same whichever prompts
   * are beside it, and whoever draws them. By default one prompt after the other, which a sampler
   * that is faster with many at a time overrides; the responses to a prompt are those that {@link
   * #sample(ImmutableList, int, RandomGenerator)} draws to it alone from {@code new
   * SplittableRandom(seed)}.
   *
   * @param prompts {@code [groups]}
   * @param responses k ≥ 2, the responses to each prompt
   * @param seeds of each prompt {@code [groups]}
   * @return the responses, with log-probabilities under the distribution that was sampled from
   * @throws IllegalArgumentException for another number of seeds
   */
  default Samples sample(ImmutableList<Prompt> prompts, int responses, ImmutableLongArray seeds) {
    Samples.checkSeeds(prompts, seeds);
    return Samples.join(
        IntStream.range(0, prompts.size())
            .mapToObj(
                g ->
                    Given.notNull(
                        "sampler",
                        "samples",
                        sample(
                            ImmutableList.of(prompts.get(g)),
                            responses,
                            new SplittableRandom(seeds.get(g)))))
            .toList());
  }
}
