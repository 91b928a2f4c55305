package io.github.p3o;

import com.google.common.collect.ImmutableList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Where the prompts of a training run come from. */
@FunctionalInterface
public interface PromptSource {

  /**
   * The prompts of the next rollout.
   *
   * @param count how many
   * @param random the only source of chance
   * @return {@code [count]} prompts
   */
  ImmutableList<Prompt> next(int count, RandomGenerator random);

  /**
   * Draws uniformly, with replacement, from a list. A run that draws from it is not resumed with
   * another list.
   *
   * @param prompts at least one. They are read where they are, as there may be more of them than
   *     fit in memory: the list must not change, and may be asked by another thread
   * @return the source
   * @throws IllegalArgumentException for an empty list
   */
  static PromptSource uniform(List<Prompt> prompts) {
    return new UniformPrompts(prompts);
  }
}
