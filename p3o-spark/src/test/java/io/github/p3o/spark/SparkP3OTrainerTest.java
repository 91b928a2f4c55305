package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.NonFiniteException;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Policy;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.StepMetrics;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainingListener;
import io.github.p3o.spark.BanditModels.Objective;
import io.github.p3o.spark.BanditModels.Reward;
import io.github.p3o.testing.Bandit;
import io.github.p3o.train.Checkpoints;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.apache.spark.SparkStatusTracker;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Training on two threads of Spark is training on one machine. */
class SparkP3OTrainerTest {

  private static final int STEPS = 4;

  /** Of parameters of order 1, in float64: sums round otherwise, AdamW keeps that small. */
  private static final double TOLERANCE = 1e-10;

  private static SparkSession spark;

  @BeforeAll
  static void start() {
    spark = Sessions.local(2);
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static SparkP3OTrainer.Builder<TabularPolicy> trainer(
      BanditModels models, int partitions) {
    return trainer(models).partitions(partitions);
  }

  private static <P extends Policy> SparkP3OTrainer.Builder<P> trainer(SparkModels<P> models) {
    return SparkP3OTrainer.builder(spark, models)
        .prompts(BanditModels.prompts())
        .config(BanditModels.config().build());
  }

  private static double[] parameters(SparkP3OTrainer<?> trainer) {
    return trainer.policy().parameters().vector().toDoubleVector();
  }

  private static double[] trained(BanditModels models, int partitions) {
    try (SparkP3OTrainer<TabularPolicy> trainer = trainer(models, partitions).build()) {
      trainer.train(STEPS);
      return parameters(trainer);
    }
  }

  @ParameterizedTest
  @EnumSource
  void train_inOnePartition_givesTheBitsOfOneMachine(Objective objective) {
    BanditModels models = new BanditModels(objective, Reward.ONE_FOR_THE_CONTEXT);
    assertThat(trained(models, 1))
        .containsExactly(models.trainedPlainly(STEPS, BanditModels.EPOCHS));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 5, 100})
  void train_inUnevenPartitions_isTheOneLargeBatch(int partitions) {
    assertThat(trained(BanditModels.USUAL, partitions))
        .containsExactly(
            BanditModels.USUAL.trainedPlainly(STEPS, BanditModels.EPOCHS), within(TOLERANCE));
  }

  @Test
  void train_byAnObjectiveOfBatchMeansInFivePartitions_isTheOneLargeBatch() {
    BanditModels models = new BanditModels(Objective.WITH_BATCH_MEANS, Reward.ONE_FOR_THE_CONTEXT);
    assertThat(trained(models, 5))
        .containsExactly(models.trainedPlainly(STEPS, BanditModels.EPOCHS), within(TOLERANCE));
  }

  @Test
  void train_againInFivePartitions_givesTheSameBits() {
    assertThat(trained(BanditModels.USUAL, 5)).containsExactly(trained(BanditModels.USUAL, 5));
  }

  @Test
  void step_inFivePartitions_measuresWhatOneMachineMeasures() {
    List<StepMetrics> told = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onStep(StepMetrics metrics) {
            told.add(metrics);
          }
        };
    try (TabularPolicy policy = BanditModels.USUAL.policy();
        P3OTrainer plain = BanditModels.USUAL.plain(policy, BanditModels.EPOCHS);
        SparkP3OTrainer<TabularPolicy> trainer =
            trainer(BanditModels.USUAL, 5).listener(listener).build()) {
      for (int i = 0; i < 3; i++) {
        StepMetrics expected = plain.step();
        StepMetrics measured = trainer.step();
        assertThat(told.get(i)).isEqualTo(measured);
        assertThat(measured.values().keySet()).isEqualTo(expected.values().keySet());
        expected
            .values()
            .forEach(
                (name, value) -> {
                  if (!name.startsWith("timing_s/")) {
                    assertThat(measured.get(name)).as(name).isCloseTo(value, within(TOLERANCE));
                  }
                });
      }
    }
  }

  @Test
  void resume_fromACheckpointOnDisk_givesTheBitsOfTheUninterruptedRun(@TempDir Path directory) {
    Checkpoints checkpoints = new Checkpoints(directory, 2);
    try (SparkP3OTrainer<TabularPolicy> first = trainer(BanditModels.USUAL, 2).build()) {
      first.train(2);
      checkpoints.save(first);
    }
    try (SparkP3OTrainer<TabularPolicy> second = trainer(BanditModels.USUAL, 2).build()) {
      assertThat(checkpoints.resume(second)).isNotNull();
      assertThat(second.stepsDone()).isEqualTo(2);
      second.train(STEPS - 2);
      assertThat(parameters(second)).containsExactly(trained(BanditModels.USUAL, 2));
    }
  }

  @Test
  void resume_inAnotherNumberOfPartitions_isRefusedAndChangesNothing() {
    try (SparkP3OTrainer<TabularPolicy> two = trainer(BanditModels.USUAL, 2).build();
        SparkP3OTrainer<TabularPolicy> three = trainer(BanditModels.USUAL, 3).build();
        SparkP3OTrainer<TabularPolicy> ofThreads =
            SparkP3OTrainer.builder(spark, BanditModels.USUAL)
                .prompts(BanditModels.prompts())
                .config(BanditModels.config().build())
                .build()) {
      two.step();
      assertThatThrownBy(() -> three.restore(two.checkpoint()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("partitions: expected 2 as in the checkpoint, got 3");
      assertThat(three.stepsDone()).isZero();
      assertThat(parameters(three)).containsOnly(0);
      ofThreads.restore(two.checkpoint());
      assertThat(ofThreads.stepsDone()).isEqualTo(1);
    }
  }

  /** The executor's thread is free again, and closing works. */
  @Test
  @Timeout(50) // less than the task would take
  void step_interrupted_endsItsTasksAndStaysInterrupted(@TempDir Path directory) throws Exception {
    FaultyModels models = new FaultyModels(FaultyModels.Fault.STRAGGLES, directory.toString());
    models.arm();
    Thread waiting = Thread.currentThread();
    CompletableFuture<Void> interruption =
        CompletableFuture.runAsync(
            () -> {
              while (!models.happened()) {
                LockSupport.parkNanos(10_000_000);
              }
              waiting.interrupt();
            });
    try (SparkP3OTrainer<FaultyModels.FaultyPolicy> trainer = trainer(models).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("interrupted while waiting for Spark");
    }
    assertThat(Thread.interrupted()).isTrue();
    interruption.join();
    SparkStatusTracker tracker = spark.sparkContext().statusTracker();
    while (tracker.getActiveJobIds().length > 0
        || tracker.getExecutorInfos()[0].numRunningTasks() > 0) {
      Thread.sleep(20);
    }
  }

  @Test
  void step_rewardThatIsNoNumber_namesThePairAndChangesNothing() {
    BanditModels models = new BanditModels(Objective.P3O, Reward.NOT_A_NUMBER_IN_CONTEXT_2);
    try (SparkP3OTrainer<TabularPolicy> trainer = trainer(models, 2).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessageContaining("reward: expected finite values, got NaN for response 0 of pair");
      assertThat(parameters(trainer)).containsOnly(0);
      assertThat(trainer.stepsDone()).isZero();
    }
  }

  /** In this process a task is tried once. */
  @Test
  void step_outOfNativeMemory_saysSoAndChangesNothing(@TempDir Path directory) throws Exception {
    FaultyModels models = new FaultyModels(FaultyModels.Fault.EXHAUSTS, directory.toString());
    models.arm();
    try (SparkP3OTrainer<FaultyModels.FaultyPolicy> trainer = trainer(models).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("native memory: expected to be enough for a task, got \"Cannot")
          .hasMessageContaining("raise spark.executor.memoryOverhead and org.bytedeco");
      assertThat(models.happened()).isTrue();
      assertThat(parameters(trainer)).containsOnly(0);
    }
  }

  @Test
  void build_rolloutsAhead_isRefusedByName() {
    TrainerConfig config = BanditModels.config().rolloutsAhead(1).build();
    assertThatThrownBy(() -> trainer(BanditModels.USUAL, 2).config(config).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rolloutsAhead: expected 0 with workers, got 1");
  }

  @Test
  void sampler_inAnyPartitions_drawsTheSame() {
    ImmutableList<Prompt> prompts =
        ImmutableList.<Prompt>builder().addAll(Bandit.CONTEXTS).addAll(Bandit.CONTEXTS).build();
    ImmutableLongArray seeds = ImmutableLongArray.of(1, 2, 3, 4, 5, 6);
    try (TabularPolicy policy = BanditModels.USUAL.policy();
        SparkSampler one = new SparkSampler(spark, BanditModels.USUAL, policy, 1);
        SparkSampler four = new SparkSampler(spark, BanditModels.USUAL, policy, 4)) {
      Samples here = policy.sample(prompts, 3, seeds);
      for (PairSampler sampler : List.of(one, four)) {
        assertThat(sampler.sample(prompts, 3, seeds)).isEqualTo(here);
      }
      assertThat(four.sample(prompts, 3, new SplittableRandom(9)))
          .isEqualTo(one.sample(prompts, 3, new SplittableRandom(9)))
          .isNotEqualTo(one.sample(prompts, 3, new SplittableRandom(8)));
    }
  }

  /** Executors might have kept its parameters of before. */
  @Test
  void sampler_closed_refusesToSample() {
    PairSampler ofTrainer;
    try (SparkP3OTrainer<TabularPolicy> trainer = trainer(BanditModels.USUAL, 2).build()) {
      ofTrainer = trainer.sampler();
    }
    try (TabularPolicy policy = BanditModels.USUAL.policy()) {
      SparkSampler sampler = new SparkSampler(spark, BanditModels.USUAL, policy, 1);
      sampler.sample(Bandit.CONTEXTS, 2, new SplittableRandom(1));
      sampler.close();
      sampler.close();
      for (PairSampler closed : List.of(ofTrainer, sampler)) {
        assertThatThrownBy(() -> closed.sample(Bandit.CONTEXTS, 2, new SplittableRandom(1)))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("sampler: expected an open one, got one that was closed");
      }
    }
  }

  /** Keeps, in this JVM, the policies that tasks have made. */
  private record Kept() implements SparkModels<TabularPolicy> {
    private static final List<TabularPolicy> MADE = new CopyOnWriteArrayList<>();

    @Override
    public TabularPolicy policy() {
      TabularPolicy policy = BanditModels.USUAL.policy();
      MADE.add(policy);
      return policy;
    }

    @Override
    public PolicyLoss loss() {
      return BanditModels.USUAL.loss();
    }

    @Override
    public PairSampler sampler(TabularPolicy policy) {
      return policy;
    }

    @Override
    public RewardModel rewardModel() {
      return BanditModels.USUAL.rewardModel();
    }
  }

  @Test
  void sampler_closed_hasTheModelsOfItsTasksClosedAndNotItsOwn() {
    try (TabularPolicy policy = BanditModels.USUAL.policy()) {
      try (SparkSampler sampler = new SparkSampler(spark, new Kept(), policy, 1)) {
        sampler.sample(Bandit.CONTEXTS, 2, new SplittableRandom(1));
        assertThat(Kept.MADE.get(0).parameters().count()).isEqualTo(12);
      }
      assertThat(policy.parameters().count()).isEqualTo(12);
    }
    assertThat(Kept.MADE).hasSize(1);
    assertThatThrownBy(() -> Kept.MADE.get(0).parameters().vector())
        .hasMessage("parameters: expected open parameters, got closed ones");
  }
}
