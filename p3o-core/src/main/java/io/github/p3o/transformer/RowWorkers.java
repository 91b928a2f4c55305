package io.github.p3o.transformer;

import io.github.p3o.internal.LayerKernels;
import io.github.p3o.internal.Tasks;
import io.github.p3o.internal.TokenAttention;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.Stream;

/** Divides rows among threads, each of which has arrays of its own to compute in. */
final class RowWorkers {

  /** Two for each thread: none waits long for another that the machine has interrupted. */
  static final int TASKS = 2 * (ForkJoinPool.getCommonPoolParallelism() + 1);

  /** Rows of which a thread keeps in its cache what it computes. */
  private static final int BLOCK = 8;

  /** Elements that are worth another thread. */
  private static final int MIN_TASK = 1 << 13;

  /** What one thread computes in. */
  static final class Worker {
    final LayerKernels kernels = new LayerKernels();
    final TokenAttention attention = new TokenAttention();
    final float[] first; // of a block of rows
    final float[] second;

    private Worker(int length) {
      first = new float[length];
      second = new float[length];
    }
  }

  /** Work on rows {@code [from, to)}. */
  @FunctionalInterface
  interface Task {
    void run(Worker worker, int from, int to);

    default Task then(Task next) {
      return (worker, from, to) -> {
        run(worker, from, to);
        next.run(worker, from, to);
      };
    }
  }

  private final Worker[] workers;

  /** For so many tasks at a time, on rows of so many elements at most. */
  RowWorkers(int tasks, int elements) {
    int block = BLOCK * elements;
    workers = Stream.generate(() -> new Worker(block)).limit(tasks).toArray(Worker[]::new);
  }

  int count() {
    return workers.length;
  }

  /** Divides rows among threads; what is computed must not depend on how many there are. */
  void each(int rows, int elementsOfRow, Task task) {
    long worth = Math.max(1, (long) rows * elementsOfRow / MIN_TASK);
    int tasks = (int) Math.min(worth, Math.min(rows, workers.length));
    if (tasks == 1) {
      task.run(workers[0], 0, rows);
    } else {
      Tasks.each(tasks, i -> task.run(workers[i], i * rows / tasks, (i + 1) * rows / tasks));
    }
  }

  /** The same, a block of rows at a time. */
  void eachBlock(int rows, int elementsOfRow, Task task) {
    each(
        rows,
        elementsOfRow,
        (worker, from, to) -> {
          for (int row = from; row < to; row += BLOCK) {
            task.run(worker, row, Math.min(row + BLOCK, to));
          }
        });
  }
}
