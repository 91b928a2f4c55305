package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** Prompts that only have to cost what prompts cost. */
final class RandomPrompts {

  private RandomPrompts() {}

  /** So many prompts of so many ids from {@code firstId} on. */
  static ImmutableList<Prompt> of(
      long seed, int prompts, int tokens, int firstId, int vocabularySize) {
    SplittableRandom random = new SplittableRandom(seed);
    return Stream.generate(() -> Prompt.of(random.ints(tokens, firstId, vocabularySize).toArray()))
        .limit(prompts)
        .collect(ImmutableList.toImmutableList());
  }
}
