package io.github.p3o.text;

import com.google.common.collect.AbstractIterator;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Gives a random one of the next examples, as many as the buffer holds. */
final class ShuffleBuffer<T> extends AbstractIterator<T> {

  private final Iterator<T> source;
  private final int size;
  private final SplittableRandom random;
  private final List<T> buffer = new ArrayList<>();

  ShuffleBuffer(Iterator<T> source, int size, long seed) {
    this.source = source;
    this.size = size;
    this.random = new SplittableRandom(seed);
  }

  @Override
  protected @Nullable T computeNext() {
    while (buffer.size() < size && source.hasNext()) {
      buffer.add(source.next());
    }
    if (buffer.isEmpty()) {
      return endOfData();
    }
    int last = buffer.size() - 1;
    int chosen = random.nextInt(buffer.size());
    T example = buffer.get(chosen);
    buffer.set(chosen, buffer.get(last));
    buffer.remove(last);
    return example;
  }
}
