package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Rewards;
import io.github.p3o.TrainerConfig;
import io.github.p3o.internal.Whole;
import java.util.Collections;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.apache.spark.SparkConf;
import org.apache.spark.launcher.JavaModuleOptions;
import org.apache.spark.network.util.JavaUtils;
import org.bytedeco.javacpp.Pointer;

/**
 * What an executor needs beside its Java heap. ND4J's arrays are native memory, which Spark does
 * not see and a cluster counts: without room for it the cluster ends the executor, without a word
 * from Java.
 *
 * @param modelBytes native, of the models of one task: policy, reference and the weights under an
 *     adapter
 * @param workBytes native, of one task while it computes: its gradient, its graphs, generation
 * @param parameterBytes of the trained parameters, which travel through the heap
 * @param tasks that run in an executor at the same time, each with models of its own, ≥ 1
 */
public record ExecutorMemory(long modelBytes, long workBytes, long parameterBytes, int tasks) {

  /** ND4J, OpenBLAS and the JVM itself (classes, stacks, compiled code). */
  private static final long LIBRARIES = 384L << 20;

  private static final long MIB = 1 << 20;

  /** How often the parameters lie in the heap: as sent, and twice more for a task's gradient. */
  private static final long COPIES_IN_HEAP = 3;

  /** Of the heap, for what Spark keeps and moves (spark.memory.fraction). */
  private static final double USABLE_HEAP = 0.6;

  private static final String CORES = "spark.executor.cores";
  private static final String OVERHEAD = "spark.executor.memoryOverhead";
  private static final String HEAP = "spark.executor.memory";
  private static final String OPTIONS = "spark.executor.extraJavaOptions";
  private static final String RESULTS = "spark.driver.maxResultSize";

  /** Of the whole process. JavaCPP's other limit, maxbytes, does not count ND4J's arrays. */
  private static final String MAX_PHYSICAL_BYTES = "org.bytedeco.javacpp.maxphysicalbytes";

  /** Checks the number of tasks. */
  public ExecutorMemory {
    checkArgument(tasks >= 1, "tasks: expected at least 1, got %s", tasks);
  }

  /**
   * Measures, in this process, what the longest pairs need: makes the models, draws and
   * differentiates once. Native memory is that of the graphs, or what the process grew by if that
   * was more.
   *
   * @param models how an executor makes its models
   * @param config of the run
   * @param prompt as long as the longest
   * @param response as long as the longest
   * @param conf of the application, which says how many tasks run in an executor at the same time
   * @param <P> the type of the policy
   * @return what an executor needs
   * @throws IllegalArgumentException for a standalone cluster without {@code spark.executor.cores}:
   *     its executors have all cores of their machines, as many as those happen to have
   */
  public static <P extends Policy> ExecutorMemory measure(
      SparkModels<P> models,
      TrainerConfig config,
      Prompt prompt,
      Response response,
      SparkConf conf) {
    int tasks = tasks(conf);
    int k = config.responsesPerPrompt();
    int groups = config.promptsPerMicroBatch();
    long before = Pointer.physicalBytes();
    try (Worker worker = Worker.of(new Run<>("measured", models, k, groups))) {
      ImmutableList<Prompt> prompts = ImmutableList.copyOf(Collections.nCopies(groups, prompt));
      ImmutableLongArray ids = ImmutableLongArray.copyOf(LongStream.range(0, groups));
      worker.sample(prompts, k, ids);
      double[] zeros = new double[k * groups];
      PairwiseBatch batch =
          new PairwiseBatch(
              ids,
              prompts,
              ImmutableList.copyOf(Collections.nCopies(k * groups, response)),
              LogProbs.ofFlat(k, zeros),
              LogProbs.ofFlat(k, zeros),
              Rewards.ofFlat(k, zeros));
      Gradients gradients = worker.gradients(batch, Whole.of(batch, groups), 1);
      gradients.close();
      long grown = Pointer.physicalBytes() - before - worker.modelBytes();
      return new ExecutorMemory(
          worker.modelBytes(), Math.max(worker.workBytes(), grown), worker.parameterBytes(), tasks);
    }
  }

  /** Of the parameters alone: less than will be needed. */
  static ExecutorMemory ofParameters(Policy policy, SparkConf conf) {
    long trained = VectorBytes.size(policy.parameters().vector());
    return new ExecutorMemory(Worker.modelBytes(policy), trained, trained, tasks(conf));
  }

  /** Elsewhere than on a standalone cluster an executor has one core unless it is given more. */
  private static int tasks(SparkConf conf) {
    String master = master(conf);
    checkArgument(
        conf.contains(CORES) || !master.startsWith("spark://"),
        "%s: expected to be set for %s, where an executor else has all cores of its machine, got"
            + " none; its tasks run at the same time, each with models of its own",
        CORES,
        master);
    return Math.max(1, conf.getInt(CORES, 1) / conf.getInt("spark.task.cpus", 1));
  }

  private static String master(SparkConf conf) {
    return conf.get("spark.master", "local");
  }

  /**
   * Native memory of an executor.
   *
   * @return bytes
   */
  public long nativeBytes() {
    return LIBRARIES + tasks * (modelBytes + workBytes);
  }

  /**
   * The settings that give an executor this memory, to be passed to {@code spark-submit}.
   *
   * @param conf of the application, for the size of the heap and other Java options
   * @return values by their names
   */
  public ImmutableMap<String, String> settings(SparkConf conf) {
    long megabytes = megabytes(nativeBytes());
    String options =
        conf.get(OPTIONS, "")
            // this and the preference of addresses are Spark's own additions
            .replace(JavaModuleOptions.defaultModuleOptions(), "")
            .replaceAll("-D(java.net.preferIPv6Addresses|" + MAX_PHYSICAL_BYTES + ")=\\S*", "");
    return ImmutableMap.of(
        OVERHEAD,
        megabytes + "m",
        OPTIONS,
        String.format(
                Locale.ROOT,
                "%s -D%s=%dm",
                options.strip(),
                MAX_PHYSICAL_BYTES,
                megabytes(heap(conf)) + megabytes)
            .strip());
  }

  private static long megabytes(long bytes) {
    return (bytes + MIB - 1) / MIB;
  }

  private static long heap(SparkConf conf) {
    return conf.getSizeAsMb(HEAP, "1g") * MIB; // a number alone is of megabytes
  }

  /**
   * As Spark reckons it, in whole megabytes: a share of the heap if it is not set, or the least.
   */
  private static long overhead(SparkConf conf) {
    double share = conf.getDouble("spark.executor.memoryOverheadFactor", 0.1);
    long least = conf.getSizeAsMb("spark.executor.minMemoryOverhead", "384m");
    long unset = Math.max(least, (long) (share * conf.getSizeAsMb(HEAP, "1g")));
    return MIB * (conf.contains(OVERHEAD) ? conf.getSizeAsMb(OVERHEAD) : unset);
  }

  /** Refuses an application whose executors, or whose driver, have too little; none if local. */
  void check(SparkConf conf) {
    if (master(conf).startsWith("local")) {
      return;
    }
    long heap = heap(conf);
    checkAtLeast(OVERHEAD, nativeBytes(), overhead(conf), conf);
    checkAtLeast(MAX_PHYSICAL_BYTES, heap + nativeBytes(), physicalLimit(conf), conf);
    checkAtLeast(
        HEAP, (long) ((double) COPIES_IN_HEAP * tasks * parameterBytes / USABLE_HEAP), heap, conf);
    long results = conf.getSizeAsBytes(RESULTS, "1g");
    checkAtLeast(
        RESULTS,
        parameterBytes + SparkWorkers.MAX_COLLECTED,
        results == 0 ? Long.MAX_VALUE : results,
        conf);
  }

  /** JavaCPP's, in bytes: twice the heap by default, and 0 for none. */
  private static long physicalLimit(SparkConf conf) {
    Matcher matcher =
        Pattern.compile("-D" + MAX_PHYSICAL_BYTES + "=(\\S+)").matcher(conf.get(OPTIONS, ""));
    if (!matcher.find()) {
      return 2 * heap(conf);
    }
    long limit = JavaUtils.byteStringAsBytes(matcher.group(1));
    return limit == 0 ? Long.MAX_VALUE : limit;
  }

  private void checkAtLeast(String name, long needed, long given, SparkConf conf) {
    checkArgument(
        given >= needed,
        "%s: expected at least %sm for %s task(s) with %sm of models and %sm of work each, got %sm;"
            + " native memory fits with %s",
        name,
        megabytes(needed),
        tasks,
        megabytes(modelBytes),
        megabytes(workBytes),
        given / MIB,
        settings(conf));
  }
}
