package io.github.p3o.internal;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.RecursiveAction;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * Runs tasks on the caller and the common pool. A thread takes one task after the other, and the
 * caller begins at once: a thread that sleeps wakes some 50 µs later, as long as a short step takes
 * in whole. A parallel stream divides the tasks beforehand and waits for such a thread.
 */
public final class Tasks {

  private Tasks() {}

  /** What several threads do together. */
  private static final class Shared extends RecursiveAction {
    private static final long serialVersionUID = 1;
    private final transient IntConsumer task;
    private final int count;
    private final AtomicInteger next;

    Shared(IntConsumer task, int count, AtomicInteger next) {
      this.task = task;
      this.count = count;
      this.next = next;
    }

    @Override
    protected void compute() {
      try {
        for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
          task.accept(i);
        }
      } finally {
        next.set(count); // after a failure nobody begins another
      }
    }
  }

  /**
   * Runs tasks 0 to count − 1, each on one thread, in any order; ends when all have ended.
   *
   * @throws RuntimeException that of a task; some others are then not run
   */
  public static void each(int count, IntConsumer task) {
    AtomicInteger next = new AtomicInteger();
    Deque<Shared> helpers = new ArrayDeque<>();
    int wanted = Math.min(count - 1, ForkJoinPool.getCommonPoolParallelism());
    for (int i = 0; i < wanted; i++) {
      Shared helper = new Shared(task, count, next);
      helper.fork();
      helpers.push(helper);
    }
    try {
      new Shared(task, count, next).compute();
    } finally {
      helpers.removeIf(Shared::tryUnfork); // it sleeps: nothing is left to do
      helpers.forEach(Shared::quietlyJoin);
    }
    helpers.forEach(Shared::join); // throws what one of them threw
  }
}
