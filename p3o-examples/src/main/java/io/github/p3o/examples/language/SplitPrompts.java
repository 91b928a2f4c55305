package io.github.p3o.examples.language;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Prompts, and on which side of a split each is.
 *
 * @param all different ones, in order
 * @param heldOut whether the prompt of an index is held out
 */
public record SplitPrompts(List<Prompt> all, IntPredicate heldOut) {

  /** Two of a million prompts are taken for one with a probability of 3e-8. */
  public static long hash(ImmutableIntArray tokens) {
    Hasher hasher = Hashing.murmur3_128().newHasher();
    tokens.forEach(hasher::putInt);
    return hasher.hash().asLong();
  }
}
