package io.github.p3o.testing;

import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Code of a host that knows of no marks for null.
 *
 * @param <T> what is expected of it
 */
public final class Unmarked<T> {

  private final AtomicReferenceArray<T> empty = new AtomicReferenceArray<>(1);

  /** Null where none is expected. */
  public T none() {
    return empty.get(0);
  }
}
