package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.PolicyLoss;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.testing.Bandit;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Gradients too large for the driver to add up: they are shuffled in slices. */
class LargeGradientTest {

  private static final int PARTITIONS = 5;

  /** Of float64: 4.8 MB, five slices. */
  private static final int CONTEXTS = 300;

  private static final int CHOICES = 2000;
  private static final long BYTES = 8L * CONTEXTS * CHOICES;

  /** A bandit with many choices. */
  private record Models() implements SparkModels<TabularPolicy> {
    @Override
    public TabularPolicy policy() {
      return TabularPolicy.uniform(CONTEXTS, CHOICES);
    }

    @Override
    public PolicyLoss loss() {
      return P3OLoss.v2();
    }

    @Override
    public PairSampler sampler(TabularPolicy policy) {
      return policy;
    }

    @Override
    public RewardModel rewardModel() {
      return RewardModel.each((prompt, response) -> response.tokens().get(0) % 5);
    }
  }

  private static final TrainerConfig CONFIG =
      TrainerConfig.builder()
          .seed(3)
          .promptsPerStep(12)
          .epochsPerStep(1)
          .promptsPerMicroBatch(4)
          .optimizer(OptimizerConfig.adamW(0.01))
          .build();

  private static SparkSession spark;

  @BeforeAll
  static void start() {
    spark = Sessions.builder("local[2]").config("spark.shuffle.compress", "false").getOrCreate();
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static SparkP3OTrainer<TabularPolicy> trainer() {
    return SparkP3OTrainer.builder(spark, new Models())
        .prompts(PromptSource.uniform(Bandit.CONTEXTS))
        .config(CONFIG)
        .partitions(PARTITIONS)
        .build();
  }

  private static double[] parameters(TabularPolicy policy) {
    return policy.parameters().vector().toDoubleVector();
  }

  private static double[] trainedPlainly() {
    try (TabularPolicy policy = new Models().policy();
        P3OTrainer trainer =
            P3OTrainer.builder(policy, new Models().loss())
                .prompts(PromptSource.uniform(Bandit.CONTEXTS))
                .sampler(
                    (prompts, k, random) ->
                        policy.sample(
                            prompts, k, ImmutableLongArray.copyOf(random.longs(prompts.size()))))
                .rewardModel(new Models().rewardModel())
                .config(CONFIG)
                .build()) {
      trainer.train(2);
      return parameters(policy);
    }
  }

  @Test
  void train_inSlices_isTheOneLargeBatchAndAgainTheSameBits() {
    assertThat((PARTITIONS - 1) * BYTES).isGreaterThan(SparkWorkers.MAX_COLLECTED);
    assertThat(VectorBytes.slices(BYTES, PARTITIONS)).isEqualTo(PARTITIONS);
    double[] plain = trainedPlainly();
    try (SparkP3OTrainer<TabularPolicy> one = trainer();
        SparkP3OTrainer<TabularPolicy> other = trainer()) {
      one.train(2);
      other.train(2);
      assertThat(distance(parameters(one.policy()), plain)).isLessThan(1e-10);
      assertThat(Arrays.equals(parameters(other.policy()), parameters(one.policy()))).isTrue();
    }
  }

  /** The greatest difference: AssertJ takes a minute for so many numbers. */
  private static double distance(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> Math.abs(a[i] - b[i])).max().orElseThrow();
  }

  /** What {@link SparkTraffic} counts is what Spark writes, up to its headers. */
  @Test
  void traffic_ofGradients_isWhatSparkShuffles() throws Exception {
    AtomicLong shuffled = new AtomicLong();
    SparkListener listener =
        new SparkListener() {
          @Override
          public void onTaskEnd(SparkListenerTaskEnd end) {
            shuffled.addAndGet(end.taskMetrics().shuffleWriteMetrics().bytesWritten());
          }
        };
    spark.sparkContext().addSparkListener(listener);
    try (SparkP3OTrainer<TabularPolicy> trainer = trainer()) {
      trainer.step();
      spark.sparkContext().listenerBus().waitUntilEmpty(60_000);
      assertThat(trainer.traffic().gradientBytes()).isEqualTo(PARTITIONS * BYTES);
      assertThat(trainer.traffic().sumBytes()).isEqualTo(BYTES);
      assertThat(shuffled.longValue()).isBetween(PARTITIONS * BYTES, PARTITIONS * BYTES * 11 / 10);
    } finally {
      spark.sparkContext().removeSparkListener(listener);
    }
  }
}
