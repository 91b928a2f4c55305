package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.base.Stopwatch;
import com.google.common.base.Throwables;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.PairSampler;
import io.github.p3o.PairStatistics;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Samples;
import io.github.p3o.Workers;
import io.github.p3o.internal.Whole;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.serializer.JavaSerializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The executors of a Spark application as workers. Tasks are functions of what they are sent, and
 * everything is put together in the order of the pairs, never of arrival: whatever is repeated,
 * lost or late, the result is the same.
 */
final class SparkWorkers implements Workers, PairSampler, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SparkWorkers.class);

  /** Bytes that the driver receives beyond one gradient, up to which it adds them up itself. */
  static final long MAX_COLLECTED = 1 << 24;

  private static final String SERIALIZER = "spark.serializer";

  private final JavaSparkContext spark;
  private final Run<?> run;
  private final Policy policy;
  private final int partitions;
  private @Nullable Sent sent;
  private long nextVersion;
  private boolean closed;
  private byte[][] values = {};
  private SparkTraffic traffic = SparkTraffic.NONE;

  /** Workers that use the parameters of the driver's policy as they are at each call. */
  SparkWorkers(JavaSparkContext spark, Run<?> run, Policy policy, int partitions) {
    this.spark = spark;
    this.run = run;
    this.policy = policy;
    this.partitions = partitions;
    String serializer = spark.getConf().get(SERIALIZER, JavaSerializer.class.getName());
    checkArgument(
        serializer.equals(JavaSerializer.class.getName()),
        "%s: expected %s, as which rows and gradients travel, got %s",
        SERIALIZER,
        JavaSerializer.class.getName(),
        serializer);
  }

  SparkTraffic traffic() {
    return traffic;
  }

  @Override
  public PairwiseBatch rollout(
      ImmutableLongArray ids, ImmutableList<Prompt> prompts, RandomGenerator random) {
    List<RolloutPart> parts = parts(ids, prompts, seeds(prompts, random));
    return PairRows.join(
        run("pairs", to -> spark.parallelize(parts, parts.size()).map(to::rollout).collect()));
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random) {
    return sample(prompts, responses, seeds(prompts, random));
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, ImmutableLongArray seeds) {
    List<RolloutPart> parts = parts(seeds, prompts, seeds);
    return SampleRows.join(
        prompts,
        responses,
        run(
            "samples",
            to ->
                spark
                    .parallelize(parts, parts.size())
                    .map(part -> to.sample(part, responses))
                    .collect()));
  }

  private static ImmutableLongArray seeds(List<Prompt> prompts, RandomGenerator random) {
    return ImmutableLongArray.copyOf(random.longs(prompts.size()));
  }

  private List<RolloutPart> parts(
      ImmutableLongArray ids, List<Prompt> prompts, ImmutableLongArray seeds) {
    return split(
        prompts.size(),
        range -> RolloutPart.of(ids, prompts, seeds, range[0], range[range.length - 1] + 1));
  }

  /** Neighbours, as evenly as can be; no part is empty. */
  private <T> List<T> split(int count, Function<int[], T> part) {
    int parts = Math.min(partitions, count);
    return IntStream.range(0, parts)
        .mapToObj(
            p ->
                part.apply(
                    IntStream.range(
                            (int) ((long) p * count / parts), (int) ((p + 1L) * count / parts))
                        .toArray()))
        .toList();
  }

  @Override
  public Gradients gradients(PairwiseBatch batch, double klScale) {
    Stopwatch watch = Stopwatch.createStarted();
    Whole whole = Whole.of(batch, batch.groups());
    int[] index = {0};
    List<GradientPart> parts =
        split(
            batch.groups(),
            groups ->
                new GradientPart(index[0]++, PairRows.of(batch.select(groups)), whole, klScale));
    long bytes = VectorBytes.size(policy.parameters().vector());
    boolean small = (parts.size() - 1) * bytes <= MAX_COLLECTED;
    List<Slice> sums =
        run("gradients", to -> small ? collected(to, parts) : shuffled(to, parts, bytes));
    ImmutableList<PartResult> results = sums.get(0).results();
    double slowest = results.stream().mapToDouble(PartResult::seconds).max().orElse(0);
    Gradients gradients = join(batch, sums, results);
    double seconds = watch.elapsed(TimeUnit.NANOSECONDS) / 1e9;
    traffic =
        traffic.gradient(
            parts.size() * bytes, small ? parts.size() * bytes : bytes, seconds, slowest);
    return gradients;
  }

  /** The driver adds up whole gradients: one stage, so the faster way while they are small. */
  private List<Slice> collected(Sent to, List<GradientPart> parts) {
    List<Slice> each =
        spark
            .parallelize(parts, parts.size())
            .flatMapToPair(part -> to.gradients(part, 1).iterator())
            .values()
            .collect();
    return List.of(Slice.sum(each.iterator(), policy.parameters().dataType()));
  }

  /** Reducers add up a slice each; the driver receives the sums. */
  private List<Slice> shuffled(Sent to, List<GradientPart> parts, long bytes) {
    int slices = VectorBytes.slices(bytes, parts.size());
    DataType type = policy.parameters().dataType();
    return spark
        .parallelize(parts, parts.size())
        .flatMapToPair(part -> to.gradients(part, slices).iterator())
        .partitionBy(new HashPartitioner(slices)) // an integer is its own hash
        .values()
        .mapPartitions(arriving -> List.of(Slice.sum(arriving, type)).iterator())
        .collect();
  }

  private Gradients join(PairwiseBatch batch, List<Slice> sums, ImmutableList<PartResult> results) {
    Map<String, Double> diagnostics = new TreeMap<>();
    double loss = 0;
    for (PartResult result : results) {
      loss += result.loss();
      result.diagnostics().forEach((name, share) -> diagnostics.merge(name, share, Double::sum));
    }
    int k = batch.responsesPerPrompt();
    LogProbs logProbs = new LogProbs(k, PairRows.joinRows(k, results, PartResult::logProbs));
    PairStatistics statistics =
        PairStatistics.of(batch, logProbs, ImmutableMap.copyOf(diagnostics));
    Parameters parameters = policy.parameters();
    INDArray vector = Nd4j.createUninitialized(parameters.dataType(), parameters.count());
    VectorBytes.write(sums.stream().map(Slice::values).toArray(byte[][]::new), vector);
    return new Gradients(vector, loss, batch.groups(), logProbs, statistics);
  }

  /** Runs a job, once more with the parameters sent anew if they got lost. */
  private <R> R run(String what, Function<Sent, R> job) {
    checkState(!closed, "sampler: expected an open one, got one that was closed");
    spark.setJobDescription("P3O: " + what);
    try {
      return Jobs.run(spark.sc(), () -> onceMore(job));
    } finally {
      spark.setJobDescription(null);
    }
  }

  private <R> R onceMore(Function<Sent, R> job) {
    Sent current = send();
    try {
      return job.apply(current);
    } catch (Exception e) { // Spark throws checked ones undeclared
      if (!isLost(e, current.parameters())) {
        throw e;
      }
      LOG.warn("parameters: lost, sent again: {}", e.getMessage());
      return job.apply(sendAnew(values));
    }
  }

  private static boolean isLost(Exception e, Broadcast<?> broadcast) {
    return Throwables.getStackTraceAsString(e).contains("broadcast_" + broadcast.id());
  }

  /** The parameters as they are now; what the executors have already is not sent again. */
  private Sent send() {
    INDArray vector = policy.parameters().vector();
    byte[][] now = VectorBytes.read(vector, VectorBytes.slices(VectorBytes.size(vector), 1));
    Sent last = sent;
    if (last != null && Arrays.deepEquals(now, values)) {
      return last;
    }
    return sendAnew(now);
  }

  private Sent sendAnew(byte[][] now) {
    Sent last = sent;
    Sent next = new Sent(run, nextVersion++, spark.broadcast(now));
    values = now; // after what may fail: else the last would be taken for these
    sent = next;
    for (byte[] slice : values) {
      traffic = traffic.sent(slice.length);
    }
    if (last != null) {
      last.parameters().destroy();
    }
    return next;
  }

  /**
   * Frees the parameters that the executors have, and the idle workers of this JVM, once. It waits
   * for the former: an application that stops meanwhile has Scala's threads complain. Spark's
   * cleaner frees the driver's copy.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    Sent last = sent;
    sent = null;
    try {
      if (last != null) {
        Jobs.drop(spark.sc(), () -> last.parameters().unpersist(true));
      }
    } finally {
      WorkerPool.clear();
    }
  }
}
