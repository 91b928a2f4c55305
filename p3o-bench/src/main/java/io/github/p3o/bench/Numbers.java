package io.github.p3o.bench;

import java.util.stream.IntStream;

/**
 * Numbers that only look random: computed from their index with integers alone, so that a program
 * in another language has the same ones to the last bit ({@code p3o-bench/gpu/peer.py}).
 */
final class Numbers {

  private static final long MASK = 0xFFFF_FFFFL;

  private Numbers() {}

  /** A number in [0, 1), a multiple of 2⁻³². */
  static double unit(long index) {
    long hash = (index * 2_654_435_761L) & MASK; // the factors of xxHash
    hash = ((hash ^ (hash >>> 16)) * 2_246_822_519L) & MASK;
    hash = ((hash ^ (hash >>> 13)) * 3_266_489_917L) & MASK;
    return (hash ^ (hash >>> 16)) / 4_294_967_296.0;
  }

  /** So many numbers in [low, high), from an index on. */
  static double[] between(double low, double high, long first, int count) {
    return IntStream.range(0, count)
        .parallel()
        .mapToDouble(i -> low + (high - low) * unit(first + i))
        .toArray();
  }

  /** So many whole numbers in [0, limit), from an index on. */
  static int[] below(int limit, long first, int count) {
    return IntStream.range(0, count).map(i -> (int) (limit * unit(first + i))).toArray();
  }
}
