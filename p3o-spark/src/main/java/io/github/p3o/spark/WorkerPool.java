package io.github.p3o.spark;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Function;

/**
 * The workers of this JVM: as many as tasks ran at the same time. They outlive a task, since making
 * models and graphs takes longer than most tasks; those of one run are kept at a time.
 */
final class WorkerPool {

  private static final Deque<Worker> IDLE = new ArrayDeque<>();
  private static String run = "";

  private WorkerPool() {}

  /** Does something with a worker that nobody else uses meanwhile. */
  static <R> R with(Run<?> of, Function<Worker, R> work) {
    Worker worker = take(of);
    boolean whole = false;
    try {
      R result = work.apply(worker);
      whole = true;
      return result;
    } finally {
      if (whole) {
        giveBack(of, worker);
      } else {
        worker.close(); // interrupted or failed somewhere within
      }
    }
  }

  private static Worker take(Run<?> of) {
    synchronized (IDLE) {
      if (!run.equals(of.id())) {
        clear();
        run = of.id();
      }
      Worker idle = IDLE.poll();
      if (idle != null) {
        return idle;
      }
    }
    return Worker.of(of);
  }

  private static void giveBack(Run<?> of, Worker worker) {
    synchronized (IDLE) {
      if (run.equals(of.id())) {
        IDLE.push(worker);
        return;
      }
    }
    worker.close();
  }

  /** Frees the idle workers of this JVM. */
  static void clear() {
    synchronized (IDLE) {
      IDLE.forEach(Worker::close);
      IDLE.clear();
    }
  }
}
