package io.github.p3o.spark;

import com.google.common.base.Throwables;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkException;

/** What a thread of the driver asks of Spark and waits for. */
final class Jobs {

  private static final String INTERRUPTS_TASKS = "spark.job.interruptOnCancel";

  private Jobs() {}

  /**
   * Runs jobs. If the thread that waits for them is interrupted, they end, tasks under way
   * included, and the thread stays interrupted.
   *
   * @throws IllegalStateException if it was interrupted
   */
  static <R> R run(SparkContext spark, Callable<R> jobs) {
    String tag = "p3o-" + UUID.randomUUID();
    String before = spark.getLocalProperty(INTERRUPTS_TASKS);
    spark.addJobTag(tag);
    spark.setLocalProperty(INTERRUPTS_TASKS, "true"); // as for one that another attempt overtook
    try {
      return jobs.call();
    } catch (Exception e) { // Spark throws checked ones undeclared
      if (!isInterruption(e)) {
        throw Tasks.cause(e);
      }
      Thread.currentThread().interrupt();
      if (!spark.isStopped()) {
        spark.cancelJobsWithTag(tag, "the thread that waited for it was interrupted");
      }
      throw new IllegalStateException("interrupted while waiting for Spark", e);
    } finally {
      spark.setLocalProperty(INTERRUPTS_TASKS, before);
      spark.removeJobTag(tag);
    }
  }

  /**
   * Has the executors drop something, and waits until they have, as the application may stop next;
   * does nothing if it has. A thread that is interrupted stays so, and waits all the same.
   */
  static void drop(SparkContext spark, Runnable unpersist) {
    if (spark.isStopped()) {
      return;
    }
    boolean interrupted = Thread.interrupted(); // Spark would not even ask them
    try {
      unpersist.run();
    } catch (Exception e) { // Spark throws checked ones undeclared
      if (!isInterruption(e)) {
        throw e;
      }
      interrupted = true; // they were asked
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Of this thread: what is below an exception of Spark's own, another thread or a task met. */
  private static boolean isInterruption(Exception e) {
    for (Throwable cause : Throwables.getCausalChain(e)) {
      if (cause instanceof InterruptedException) {
        return true;
      }
      if (cause instanceof SparkException) {
        return false;
      }
    }
    return false;
  }
}
