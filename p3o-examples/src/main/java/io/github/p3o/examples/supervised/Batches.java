package io.github.p3o.examples.supervised;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ContiguousSet;
import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;

/** Batches of equal size without end: everything once in a random order, then again in another. */
final class Batches<T> {

  private final List<T> all;
  private final int size;
  private final Random random;
  private final List<Integer> order = new ArrayList<>();

  Batches(List<T> all, int size, RandomGenerator random) {
    checkArgument(!all.isEmpty(), "examples: expected at least one, got none");
    this.all = all;
    this.size = size;
    this.random = new Random(random.nextLong());
  }

  /** Passes over batches that were used before a resume. */
  void skip(long batches) {
    for (long i = 0; i < batches * size; i++) {
      nextIndex();
    }
  }

  @CanIgnoreReturnValue
  private int nextIndex() {
    if (order.isEmpty()) {
      order.addAll(ContiguousSet.closedOpen(0, all.size()));
      Collections.shuffle(order, random);
    }
    return order.remove(order.size() - 1);
  }

  /** The next batch. */
  ImmutableList<T> next() {
    ImmutableList.Builder<T> batch = ImmutableList.builderWithExpectedSize(size);
    for (int i = 0; i < size; i++) {
      batch.add(all.get(nextIndex()));
    }
    return batch.build();
  }
}
