package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.TrainerConfig;
import io.github.p3o.transformer.TransformerPolicy;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Language models; what an update moves is what is trained. */
class LoraTrafficTest {

  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1, 3), Prompt.of(1, 4, 5, 6), Prompt.of(1, 7, 8));

  private static final TrainerConfig CONFIG =
      TrainerConfig.builder()
          .seed(3)
          .promptsPerStep(7)
          .promptsPerUpdate(5)
          .epochsPerStep(2)
          .promptsPerMicroBatch(2)
          .optimizer(OptimizerConfig.adamW(0.01))
          .build();

  private static SparkSession spark;

  @BeforeAll
  static void start() {
    spark = Sessions.local(2);
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static SparkP3OTrainer<TransformerPolicy> trainer(int rank, int partitions) {
    return SparkP3OTrainer.builder(spark, new LoraModels(rank))
        .prompts(PromptSource.uniform(PROMPTS))
        .config(CONFIG)
        .partitions(partitions)
        .build();
  }

  private static double[] trainedPlainly(int rank) {
    LoraModels models = new LoraModels(rank);
    try (TransformerPolicy policy = models.policy()) {
      PairSampler own = models.sampler(policy);
      try (P3OTrainer trainer =
          P3OTrainer.builder(policy, models.loss())
              .prompts(PromptSource.uniform(PROMPTS))
              .sampler(
                  (prompts, k, random) ->
                      own.sample(
                          prompts, k, ImmutableLongArray.copyOf(random.longs(prompts.size()))))
              .rewardModel(models.rewardModel())
              .config(CONFIG)
              .build()) {
        trainer.train(3);
        return policy.parameters().vector().toDoubleVector();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void train_aLanguageModelInThreePartitions_isTheOneLargeBatch(int rank) {
    try (SparkP3OTrainer<TransformerPolicy> trainer = trainer(rank, 3)) {
      trainer.train(3);
      assertThat(trainer.policy().parameters().vector().toDoubleVector())
          .containsExactly(trainedPlainly(rank), within(1e-9));
    }
  }

  @Test
  void traffic_ofAnAdapter_isItsParametersAndNotTheModels() {
    try (SparkP3OTrainer<TransformerPolicy> full = trainer(0, 2);
        SparkP3OTrainer<TransformerPolicy> adapter = trainer(2, 2)) {
      long ofModel = 8 * full.policy().parameters().count();
      long ofAdapter = 8 * adapter.policy().parameters().count();
      assertThat(ofAdapter).isLessThan(ofModel / 2);
      full.step();
      adapter.step();
      // 2 epochs of 2 mini-batches in 2 parts; the rollout and the first share their parameters
      assertThat(adapter.traffic())
          .extracting("gradients", "parameterBytes", "gradientBytes", "sumBytes")
          .containsExactly(4L, 4 * ofAdapter, 4 * 2 * ofAdapter, 4 * 2 * ofAdapter);
      assertThat(full.traffic())
          .extracting("gradients", "parameterBytes", "gradientBytes", "sumBytes")
          .containsExactly(4L, 4 * ofModel, 4 * 2 * ofModel, 4 * 2 * ofModel);
      assertThat(adapter.traffic().communicationShare()).isBetween(0.0, 1.0);
    }
  }
}
