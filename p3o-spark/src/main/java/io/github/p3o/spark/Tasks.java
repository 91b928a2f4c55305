package io.github.p3o.spark;

import com.google.common.base.Throwables;
import io.github.p3o.NonFiniteException;
import io.github.p3o.internal.NativeMemoryError;

/**
 * What is done with failures of tasks. Spark ends an executor for an {@link OutOfMemoryError}, and
 * for whatever has one as its cause. Where JavaCPP has refused native memory the executor is sound,
 * and another attempt may find room: the task fails by an exception of words alone.
 */
final class Tasks {

  /** What a task does. */
  @FunctionalInterface
  interface Work<R, E extends Exception> {
    R get() throws E;
  }

  private Tasks() {}

  /** Does a task's work, or a part of it; an error of the heap is thrown as it is. */
  static <R, E extends Exception> R run(Work<R, E> work) throws E {
    try {
      return work.get();
    } catch (Throwable t) {
      for (Throwable cause : Throwables.getCausalChain(t)) {
        if (isRefusal(cause)) {
          throw NativeMemoryException.after(String.valueOf(cause.getMessage()));
        }
      }
      throw t;
    }
  }

  /** JavaCPP's messages have the limit of the process in them. */
  private static boolean isRefusal(Throwable t) {
    return t instanceof NativeMemoryError
        || (t instanceof OutOfMemoryError
            && String.valueOf(t.getMessage()).contains("physicalBytes"));
  }

  /** For the driver: what a task found to be wrong, or the failure as it is. */
  static RuntimeException cause(Exception e) {
    for (Throwable cause : Throwables.getCausalChain(e)) {
      if (cause instanceof NonFiniteException nonFinite) {
        return new NonFiniteException(String.valueOf(nonFinite.getMessage()));
      }
      if (cause instanceof NativeMemoryException memory) {
        return new NativeMemoryException(String.valueOf(memory.getMessage()));
      }
    }
    return e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
  }
}
