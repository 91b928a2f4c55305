package io.github.p3o.internal;

import com.google.common.hash.Hashing;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * Randomness that depends on the seed and the place alone, so that a resumed run draws the same.
 */
public final class RandomStreams {

  private RandomStreams() {}

  /** The source of chance of one step. */
  @SuppressWarnings("UnstableApiUsage") // Guava's hashing is long stable in fact
  public static RandomGenerator forStep(long seed, long step) {
    return new SplittableRandom(
        Hashing.murmur3_128().newHasher().putLong(seed).putLong(step).hash().asLong());
  }

  /** The numbers 0 to n − 1 in a random order (Fisher–Yates). */
  public static int[] permutation(int n, RandomGenerator random) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }
}
