package io.github.p3o.examples;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;

/** Batches of equal size without end: everything once in a random order, then again in another. */
final class Batches<T> {

  private final ImmutableList<T> all;
  private final int size;
  private final Random random;
  private final List<T> order = new ArrayList<>();

  Batches(List<T> all, int size, RandomGenerator random) {
    checkArgument(!all.isEmpty(), "examples: expected at least one, got none");
    this.all = ImmutableList.copyOf(all);
    this.size = size;
    this.random = new Random(random.nextLong());
  }

  /** Passes over batches that were used before a resume. */
  void skip(long batches) {
    for (long i = 0; i < batches; i++) {
      next();
    }
  }

  /** The next batch. */
  @CanIgnoreReturnValue
  ImmutableList<T> next() {
    ImmutableList.Builder<T> batch = ImmutableList.builderWithExpectedSize(size);
    for (int i = 0; i < size; i++) {
      if (order.isEmpty()) {
        order.addAll(all);
        Collections.shuffle(order, random);
      }
      batch.add(order.remove(order.size() - 1));
    }
    return batch.build();
  }
}
