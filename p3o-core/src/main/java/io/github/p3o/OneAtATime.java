package io.github.p3o;

import static com.google.common.base.Preconditions.checkState;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Refuses a call within another, also of another thread, where it would use what that changes. */
final class OneAtATime {

  private final AtomicReference<@Nullable String> user = new AtomicReference<>();
  private volatile boolean closed;

  <T> T run(String name, Supplier<T> call) {
    begin(name);
    try {
      checkState(!closed, "trainer: expected an open one, got one that was closed");
      return call.get();
    } finally {
      user.set(null);
    }
  }

  /**
   * Lets no further call begin.
   *
   * @return false if that is so already
   */
  boolean close() {
    if (closed) {
      return false;
    }
    begin("close");
    closed = true;
    user.set(null);
    return true;
  }

  private void begin(String name) {
    String within =
        user.compareAndExchange(null, name + " of thread " + Thread.currentThread().getName());
    checkState(
        within == null, "%s: expected to be asked between two calls, got within %s", name, within);
  }
}
