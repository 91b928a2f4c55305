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
   * Draws uniformly, with replacement, from a list.
   *
   * @param prompts at least one
   * @return the source
   * @throws IllegalArgumentException for an empty list
   */
  static PromptSource uniform(List<Prompt> prompts) {
    ImmutableList<Prompt> all = ImmutableList.copyOf(prompts);
    if (all.isEmpty()) {
      throw new IllegalArgumentException("prompts: expected at least one prompt, got none");
    }
    return (count, random) -> {
      ImmutableList.Builder<Prompt> drawn = ImmutableList.builderWithExpectedSize(count);
      for (int i = 0; i < count; i++) {
        drawn.add(all.get(random.nextInt(all.size())));
      }
      return drawn.build();
    };
  }
}
