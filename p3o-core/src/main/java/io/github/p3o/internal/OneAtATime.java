package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkState;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Refuses a call within another, also of another thread, where it would use what that changes. */
public final class OneAtATime {

  private final String owner;
  private final AtomicReference<@Nullable User> user = new AtomicReference<>();
  private volatile boolean closed;

  private record User(Thread thread, String call) {}

  /** Of an object that errors call by this name. */
  public OneAtATime(String owner) {
    this.owner = owner;
  }

  /** Runs a call that may not be within another. */
  public <T> T run(String name, Supplier<T> call) {
    begin(name);
    return finish(call);
  }

  /** Runs a call that may be within another of the same thread, as a listener's within a step. */
  public <T> T runOrNest(String name, Supplier<T> call) {
    User within = user.get();
    if (within != null && within.thread() == Thread.currentThread()) {
      return call.get();
    }
    begin(name);
    return finish(call);
  }

  private <T> T finish(Supplier<T> call) {
    try {
      checkState(!closed, "%s: expected an open one, got one that was closed", owner);
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
  public boolean close() {
    if (closed) {
      return false;
    }
    begin("close");
    boolean first = !closed; // another thread may have closed it meanwhile
    closed = true;
    user.set(null);
    return first;
  }

  private void begin(String name) {
    User within = user.compareAndExchange(null, new User(Thread.currentThread(), name));
    checkState(
        within == null,
        "%s: expected to be asked between two calls, got within %s of thread %s",
        name,
        within == null ? "" : within.call(),
        within == null ? "" : within.thread().getName());
  }
}
