package io.github.p3o.examples.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.PairSampler;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.spark.ExecutorMemory;
import io.github.p3o.spark.SparkModels;
import io.github.p3o.spark.SparkP3OTrainer;
import io.github.p3o.spark.SparkPrompts;
import io.github.p3o.spark.SparkTraffic;
import io.github.p3o.train.Checkpoints;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.LoraConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.sql.SparkSession;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Teaches a language model to use one token often. Arguments are {@code name=value}; all have
 * defaults but {@code run}, a directory that the driver writes to:
 *
 * <pre>
 * run=DIR       checkpoints; a run that finds some goes on from them; at the end the model
 * prompts=PATH  Parquet files with a column "tokens" of arrays of ids, seen by all machines
 * model=DIR     a Hugging Face checkpoint, at the same path on all machines; else a random one
 * open=map      the weights under an adapter where they lie in the checkpoint's files, of float32:
 *               tasks and executors of a machine share them; load, the default, copies them
 * width=N, layers=N, vocabulary=N
 *               of the random model, 64, 4 and 512 by default
 * tokens=N      of a response at most, 16 by default
 * rank=N        of a low-rank adapter, which alone is trained and sent; 0, the default, trains all
 * steps=N, pairs=N, partitions=N
 * </pre>
 */
public final class SparkExample {

  private static final int HEADS = 4;

  private static final ImmutableSet<String> NAMES =
      ImmutableSet.of(
          "run",
          "prompts",
          "model",
          "open",
          "width",
          "layers",
          "vocabulary",
          "tokens",
          "rank",
          "steps",
          "pairs",
          "partitions");

  private SparkExample() {}

  /** The models, made from these few words on each machine. */
  private record Models(
      String directory, boolean mapped, int width, int layers, int vocabulary, int tokens, int rank)
      implements SparkModels<TransformerPolicy> {

    @Override
    public TransformerPolicy policy() {
      TransformerPolicy base = base();
      if (rank == 0) {
        return base;
      }
      try (base) {
        return base.withAdapter(LoraConfig.of(base.config().architecture(), rank), 2);
      }
    }

    private TransformerPolicy base() {
      if (directory.isEmpty()) {
        return TransformerPolicy.random(random(), DataType.FLOAT, 1);
      }
      Path checkpoint = Path.of(directory);
      return mapped ? TransformerPolicy.map(checkpoint) : TransformerPolicy.load(checkpoint);
    }

    private DecoderConfig random() {
      return DecoderConfig.llama(
          vocabulary,
          width,
          4 * width,
          layers,
          HEADS,
          HEADS,
          tokens + 64,
          1e-5,
          10_000,
          true,
          OptionalInt.of(1),
          OptionalInt.of(2));
    }

    @Override
    public PolicyLoss loss() {
      return P3OLoss.v2();
    }

    @Override
    public PairSampler sampler(TransformerPolicy policy) {
      return policy.sampler(tokens);
    }

    /** The share of token ids below 64. */
    @Override
    public RewardModel rewardModel() {
      return RewardModel.each(
          (prompt, response) ->
              response.tokens().stream().filter(id -> id < 64).count()
                  / (double) response.length());
    }
  }

  /**
   * Trains.
   *
   * @param args {@code name=value}, see above
   * @throws IllegalArgumentException for another name
   */
  public static void main(String[] args) throws IOException {
    Map<String, String> given = new TreeMap<>();
    for (String arg : args) {
      String[] parts = arg.split("=", 2);
      checkArgument(
          parts.length == 2 && NAMES.contains(parts[0]),
          "arguments: expected name=value with a name of %s, got %s",
          NAMES,
          arg);
      given.put(parts[0], parts[1]);
    }
    Path run = Path.of(given.getOrDefault("run", "run"));
    Models models =
        new Models(
            given.getOrDefault("model", ""),
            isMapped(given),
            number(given, "width", 64),
            number(given, "layers", 4),
            number(given, "vocabulary", 512),
            number(given, "tokens", 16),
            number(given, "rank", 0));
    TrainerConfig config =
        TrainerConfig.builder()
            .seed(1)
            .promptsPerStep(number(given, "pairs", 64))
            .promptsPerMicroBatch(8)
            .epochsPerStep(2)
            .optimizer(OptimizerConfig.adamW(models.rank() == 0 ? 1e-3 : 5e-3))
            .build();
    try (SparkSession spark = SparkSession.builder().appName("p3o").getOrCreate();
        SparkPrompts prompts = prompts(spark, given.getOrDefault("prompts", ""), models);
        SparkP3OTrainer<TransformerPolicy> trainer =
            SparkP3OTrainer.builder(spark, models)
                .prompts(prompts)
                .config(config)
                .partitions(number(given, "partitions", 2))
                .memory(memory(spark, models, config))
                .build()) {
      train(trainer, run, number(given, "steps", 10));
    }
  }

  private static boolean isMapped(Map<String, String> given) {
    String open = given.getOrDefault("open", "load");
    checkArgument(
        open.equals("load") || (open.equals("map") && given.containsKey("rank")),
        "open: expected load, or map with a rank, got %s",
        open);
    return open.equals("map");
  }

  private static int number(Map<String, String> given, String name, int byDefault) {
    return Integer.parseInt(given.getOrDefault(name, Integer.toString(byDefault)));
  }

  /** Those in the files, or a thousand of three ids. */
  private static SparkPrompts prompts(SparkSession spark, String path, Models models) {
    String some = "int(3 + id %% %s)".formatted(Math.min(500, models.vocabulary() - 3));
    return SparkPrompts.ofTokens(
        path.isEmpty()
            ? spark.range(1000).selectExpr("array(1, " + some + ", int(3 + id % 7)) tokens")
            : spark.read().parquet(path),
        "tokens");
  }

  private static ExecutorMemory memory(SparkSession spark, Models models, TrainerConfig config) {
    int[] longest = IntStream.generate(() -> 1).limit(models.tokens()).toArray();
    ExecutorMemory memory =
        ExecutorMemory.measure(
            models,
            config,
            Prompt.of(longest),
            Response.of(longest),
            spark.sparkContext().getConf());
    ImmutableMap<String, String> settings = memory.settings(spark.sparkContext().getConf());
    System.out.println("An executor needs, as measured here, to be given to spark-submit:");
    settings.forEach((name, value) -> System.out.printf("--conf \"%s=%s\"%n", name, value));
    return memory;
  }

  private static void train(SparkP3OTrainer<TransformerPolicy> trainer, Path run, int steps) {
    Checkpoints checkpoints = new Checkpoints(run.resolve("checkpoints"), 2);
    checkpoints.resume(trainer);
    while (trainer.stepsDone() < steps) {
      SparkTraffic before = trainer.traffic();
      StepMetrics metrics = trainer.step();
      checkpoints.save(trainer);
      System.out.printf(
          "step %d  reward %.3f  kl %.4f  rollout %.2f s, updates %.2f s, of that %.0f %%"
              + " communication%n",
          metrics.step(),
          metrics.get("objective/scores"),
          metrics.get("objective/kl"),
          metrics.get("timing_s/sample"),
          metrics.get("timing_s/update"),
          100 * trainer.traffic().since(before).communicationShare());
    }
    SparkTraffic traffic = trainer.traffic();
    if (traffic.gradients() > 0) {
      System.out.printf(
          "%d parameters trained; an update: %d bytes to each executor, %d from all tasks, %d to"
              + " the driver%n",
          trainer.policy().parameters().count(),
          traffic.parameterBytes() / traffic.gradients(),
          traffic.gradientBytes() / traffic.gradients(),
          traffic.sumBytes() / traffic.gradients());
    }
    trainer.policy().save(run.resolve("model"));
    System.out.println("Saved " + run.resolve("model"));
  }
}
