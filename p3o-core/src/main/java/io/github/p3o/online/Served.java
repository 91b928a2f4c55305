package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.p3o.Policy;
import java.util.function.Function;

/** The version that is served: used by one thread at a time, swapped between two uses. */
final class Served implements AutoCloseable {

  @GuardedBy("this")
  private ServedVersion version;

  @GuardedBy("this")
  private boolean closed;

  private volatile long number;

  Served(ServedVersion first) {
    version = first;
    number = first.number();
  }

  synchronized <T> T use(Function<ServedVersion, T> use) {
    checkState(!closed, "aligner: expected an open one, got a closed one");
    return use.apply(version);
  }

  /** Whether this thread is within {@link #use}. */
  boolean isUsedHere() {
    return Thread.holdsLock(this);
  }

  long number() {
    return number;
  }

  /** Takes over a copy. */
  synchronized void swap(long next, Policy copy) {
    version.policy().close();
    version = new ServedVersion(next, copy);
    number = next;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      version.policy().close();
    }
  }
}
