package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.Checkpoint;
import io.github.p3o.HealthThresholds;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Policy;
import io.github.p3o.PromptSource;
import io.github.p3o.Resumable;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainingListener;
import io.github.p3o.internal.Settings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/**
 * A {@link P3OTrainer} whose pairs are drawn and scored, and whose gradients are computed, on the
 * executors of a Spark application. The driver keeps the parameters and the optimiser, and does
 * what is small: prompts, mini-batches, one update for the sum of all gradients, metrics,
 * checkpoints. Each update is synchronous, so that the result is that of one machine.
 *
 * <p>For the same number of partitions a run gives the same bits, run after run and resumed or not,
 * whichever tasks are repeated, lost or late; another number changes the rounding of sums alone.
 * That holds where all machines compute the same bits, which those of one kind do.
 *
 * <pre>{@code
 * try (SparkPrompts prompts = SparkPrompts.ofTokens(spark.read().parquet(path), "tokens");
 *     SparkP3OTrainer<TransformerPolicy> trainer =
 *         SparkP3OTrainer.builder(spark, models)
 *             .prompts(prompts)
 *             .config(config)
 *             .partitions(16)
 *             .build()) {
 *   trainer.train(100);
 *   trainer.policy().save(directory);
 * }
 * }</pre>
 *
 * @param <P> the type of the policy
 */
public final class SparkP3OTrainer<P extends Policy> implements Resumable, AutoCloseable {

  private final P policy;
  private final SparkWorkers workers;
  private final P3OTrainer trainer;

  /** What checkpoints hold beside the settings of the plain trainer. */
  private final ImmutableMap<String, String> settings;

  private SparkP3OTrainer(Builder<P> builder, PromptSource prompts) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(builder.spark.sparkContext());
    TrainerConfig config = builder.config;
    Run<P> run =
        new Run<>(
            UUID.randomUUID().toString(),
            builder.models,
            config.responsesPerPrompt(),
            config.promptsPerMicroBatch());
    int partitions = builder.partitions == 0 ? Partitions.byDefault(spark) : builder.partitions;
    settings = Partitions.setting(partitions);
    boolean whole = false;
    policy = builder.models.policy();
    try {
      ExecutorMemory memory = builder.memory;
      (memory == null ? ExecutorMemory.ofParameters(policy, spark.getConf()) : memory)
          .check(spark.getConf());
      workers = new SparkWorkers(spark, run, policy, partitions);
      P3OTrainer.Builder plain =
          P3OTrainer.builder(policy, builder.models.loss())
              .prompts(prompts)
              .workers(workers)
              .config(config)
              .health(builder.health);
      builder.listeners.forEach(plain::listener);
      trainer = plain.build();
      whole = true;
    } finally {
      if (!whole) {
        policy.close();
      }
    }
  }

  /**
   * A builder.
   *
   * @param spark the application
   * @param models how the driver and each executor make their models
   * @param <P> the type of the policy
   * @return a new builder
   */
  public static <P extends Policy> Builder<P> builder(SparkSession spark, SparkModels<P> models) {
    return new Builder<>(spark, models);
  }

  /**
   * The policy that is trained.
   *
   * @return the driver's, closed with the trainer
   */
  public P policy() {
    return policy;
  }

  /**
   * One turn: a rollout, and several updates on it; see {@link P3OTrainer#step}.
   *
   * @return what was measured
   * @throws IllegalStateException also if the thread is interrupted, which it stays; its jobs are
   *     cancelled then
   */
  @CanIgnoreReturnValue
  public StepMetrics step() {
    return trainer.step();
  }

  /**
   * Takes steps.
   *
   * @param steps how many, ≥ 0
   * @throws IllegalArgumentException if negative
   */
  public void train(int steps) {
    trainer.train(steps);
  }

  /**
   * Draws responses on the executors from the policy as it is at each call, for evaluation between
   * two steps.
   *
   * @return valid until the trainer is closed
   */
  public PairSampler sampler() {
    return workers;
  }

  /**
   * What the updates have moved and taken so far.
   *
   * @return since the trainer was built
   */
  public SparkTraffic traffic() {
    return workers.traffic();
  }

  @Override
  public long stepsDone() {
    return trainer.stepsDone();
  }

  /** {@inheritDoc} The number of partitions is among the settings. */
  @Override
  public Checkpoint checkpoint() {
    Checkpoint plain = trainer.checkpoint();
    return withSettings(
        plain,
        ImmutableMap.<String, String>builder()
            .putAll(plain.settings())
            .putAll(settings)
            .buildOrThrow());
  }

  /** {@inheritDoc} One of another number of partitions is refused likewise. */
  @Override
  public void restore(Checkpoint checkpoint) {
    Map<String, String> saved = checkpoint.settings();
    Settings.checkSame(Maps.filterKeys(saved, settings::containsKey), settings);
    trainer.restore(
        withSettings(
            checkpoint,
            ImmutableMap.copyOf(Maps.filterKeys(saved, name -> !settings.containsKey(name)))));
  }

  private static Checkpoint withSettings(
      Checkpoint checkpoint, ImmutableMap<String, String> settings) {
    return new Checkpoint(checkpoint.step(), settings, checkpoint.states(), checkpoint.tensors());
  }

  /**
   * Frees the policy and what the driver holds, also once the application has ended; executors keep
   * their models until they end.
   *
   * @throws IllegalStateException within a step, also of another thread; nothing is freed then
   */
  @Override
  public void close() {
    trainer.close(); // not in the try: within a step it refuses, and the policy is in use
    try {
      workers.close();
    } finally {
      policy.close();
    }
  }

  /**
   * Collects what a {@link SparkP3OTrainer} needs.
   *
   * @param <P> the type of the policy
   */
  public static final class Builder<P extends Policy> {
    private final SparkSession spark;
    private final SparkModels<P> models;
    private final List<TrainingListener> listeners = new ArrayList<>();
    private TrainerConfig config = TrainerConfig.builder().build();
    private HealthThresholds health = HealthThresholds.defaults();
    private int partitions;
    private @Nullable PromptSource prompts;
    private @Nullable ExecutorMemory memory;

    private Builder(SparkSession spark, SparkModels<P> models) {
      this.spark = spark;
      this.models = models;
    }

    /**
     * Sets where prompts come from.
     *
     * @param prompts such as {@link SparkPrompts}; the caller's to close
     * @return this
     */
    public Builder<P> prompts(PromptSource prompts) {
      this.prompts = prompts;
      return this;
    }

    /**
     * Sets the configuration.
     *
     * @param config see {@link TrainerConfig#builder}
     * @return this
     */
    public Builder<P> config(TrainerConfig config) {
      this.config = config;
      return this;
    }

    /**
     * Sets when listeners are told that something is wrong.
     *
     * @param health the thresholds
     * @return this
     */
    public Builder<P> health(HealthThresholds health) {
      this.health = health;
      return this;
    }

    /**
     * Sets how many tasks the pairs of a rollout and of a mini-batch are divided into. A run is
     * resumed with the same number.
     *
     * @param partitions ≥ 1; by default {@code spark.default.parallelism}, or the threads of a
     *     local application. A cluster's executors come one by one, so that there one of the two is
     *     to be set
     * @return this
     * @throws IllegalArgumentException if below 1
     */
    public Builder<P> partitions(int partitions) {
      Partitions.check(partitions);
      this.partitions = partitions;
      return this;
    }

    /**
     * Sets what an executor needs, so that too little is refused at the start and not by the
     * cluster later. Without it only room for the parameters is checked.
     *
     * @param memory see {@link ExecutorMemory#measure}
     * @return this
     */
    public Builder<P> memory(ExecutorMemory memory) {
      this.memory = memory;
      return this;
    }

    /**
     * Adds a listener.
     *
     * @param listener is called on the driver
     * @return this
     */
    public Builder<P> listener(TrainingListener listener) {
      listeners.add(listener);
      return this;
    }

    /**
     * The trainer.
     *
     * @return a trainer at step 0; the caller closes it
     * @throws IllegalArgumentException as {@link P3OTrainer.Builder#build}, if the executors have
     *     too little memory, or if {@link #partitions} are not set for a cluster, nor {@code
     *     spark.executor.cores} for a standalone one
     */
    public SparkP3OTrainer<P> build() {
      PromptSource source = prompts;
      checkArgument(source != null, "prompts: expected to be set, got none");
      return new SparkP3OTrainer<>(this, source);
    }
  }
}
