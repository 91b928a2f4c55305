package io.github.p3o.spark;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Function;

/**
 * The workers of this JVM: as many as tasks ran at the same time. They outlive a task, since making
 * models and graphs takes longer than most tasks; those of one run are kept at a time.
 */
final class WorkerPool {

  private static final WorkerPool OF_THIS_JVM = new WorkerPool();

  @GuardedBy("this")
  private final Deque<Worker> idle = new ArrayDeque<>();

  @GuardedBy("this")
  private String run = "";

  private WorkerPool() {}

  /** Does something with a worker that nobody else uses meanwhile. */
  static <R> R with(Run<?> of, Function<Worker, R> work) {
    return Tasks.run(() -> withOwn(of, work));
  }

  private static <R> R withOwn(Run<?> of, Function<Worker, R> work) {
    Worker worker = OF_THIS_JVM.take(of);
    boolean whole = false;
    try {
      R result = work.apply(worker);
      whole = true;
      return result;
    } finally {
      if (whole) {
        OF_THIS_JVM.giveBack(of, worker);
      } else {
        worker.close(); // interrupted or failed somewhere within
      }
    }
  }

  private Worker take(Run<?> of) {
    synchronized (this) {
      if (!run.equals(of.id())) {
        closeIdle();
        run = of.id();
      }
      Worker rested = idle.poll();
      if (rested != null) {
        return rested;
      }
    }
    return Worker.of(of);
  }

  private void giveBack(Run<?> of, Worker worker) {
    synchronized (this) {
      if (run.equals(of.id())) {
        idle.push(worker);
        return;
      }
    }
    worker.close();
  }

  /** Frees the idle workers of this JVM. */
  static void clear() {
    OF_THIS_JVM.closeIdle();
  }

  private synchronized void closeIdle() {
    idle.forEach(Worker::close);
    idle.clear();
  }
}
