package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Iterators;
import com.google.common.collect.Streams;
import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function0;
import org.apache.spark.util.TaskCompletionListener;

/** How many tasks the work is divided into, and what a task does with a model of its own. */
final class Partitions {

  private static final String NAME = "partitions";

  private static final String PARALLELISM = "spark.default.parallelism";

  /** Rows that a model is given at once; models bound their own memory below that. */
  private static final int ROWS_AT_ONCE = 1024;

  private Partitions() {}

  /** What a model says of some rows, one answer to each; holds nothing that cannot be sent. */
  @FunctionalInterface
  interface Answers<M, T, R> extends Serializable {
    List<R> of(M model, List<T> rows);
  }

  static void check(int partitions) {
    checkArgument(partitions >= 1, "%s: expected at least 1, got %s", NAME, partitions);
  }

  /**
   * As many as there are cores, where their number is fixed. The executors of a cluster come one by
   * one, and how many have come says nothing about the run.
   *
   * @throws IllegalArgumentException for a cluster, unless spark.default.parallelism is set
   */
  static int byDefault(JavaSparkContext spark) {
    checkArgument(
        spark.isLocal() || spark.getConf().contains(PARALLELISM),
        "%s: expected to be set for %s, whose executors come one by one, or %s to be, got none",
        NAME,
        spark.master(),
        PARALLELISM);
    return Math.max(1, spark.defaultParallelism());
  }

  /** The number as a setting of a run, which a resumed one must share: it rounds the sums. */
  static ImmutableMap<String, String> setting(int partitions) {
    return ImmutableMap.of(NAME, Integer.toString(partitions));
  }

  /** The answers to rows of the driver, in their order. */
  static <M, T, R> List<R> answers(
      JavaSparkContext spark,
      int partitions,
      Function0<M> model,
      List<T> rows,
      Answers<M, T, R> answers) {
    if (rows.isEmpty()) {
      return List.of();
    }
    return Jobs.run(
        spark.sc(),
        () ->
            spark
                .parallelize(rows, Math.min(partitions, rows.size()))
                .mapPartitions(each -> answers(model, each, answers))
                .collect());
  }

  /** Within a task: a model is made for it, and closed when it ends. */
  static <M, T, R> Iterator<R> answers(
      Function0<M> model, Iterator<T> rows, Answers<M, T, R> answers) throws Exception {
    if (!rows.hasNext()) {
      return Iterators.concat();
    }
    Owned models = new Owned();
    TaskCompletionListener closing = task -> models.close();
    TaskContext.get().addTaskCompletionListener(closing);
    M own = Tasks.run(() -> models.add(model.call()));
    return Streams.stream(Iterators.partition(rows, ROWS_AT_ONCE))
        .flatMap(some -> Tasks.run(() -> answers.of(own, some)).stream())
        .iterator();
  }
}
