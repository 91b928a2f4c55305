package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.TabularActorCritic;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerActorCritic;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** Whole training runs by token-wise PPO. */
class PpoTrainingTest {

  private static final int GOOD = 4;

  private static final DecoderConfig MODEL =
      DecoderConfig.llama(
          9, 16, 24, 2, 4, 2, 24, 1e-5, 10_000, true, OptionalInt.of(1), OptionalInt.of(2));

  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1), Prompt.of(1, 3, 5), Prompt.of(1, 8));

  private static final RewardModel GOOD_TOKENS =
      RewardModel.each(
          (prompt, response) ->
              response.tokens().asList().stream().filter(token -> token == GOOD).count());

  private static TransformerActorCritic model(DataType type) {
    try (TransformerPolicy policy = TransformerPolicy.random(MODEL, type, 1)) {
      return TransformerActorCritic.fromPolicy(policy.withTemperature(1.2));
    }
  }

  private static P3OTrainer trainer(
      TransformerActorCritic model, PpoConfig ppo, TrainerConfig.Builder config) {
    return P3OTrainer.builder(model, new TokenPpoLoss(ppo))
        .prompts(PromptSource.uniform(PROMPTS))
        .sampler(model.policy().sampler(8))
        .rewardModel(GOOD_TOKENS)
        .config(config.build())
        .build();
  }

  private static TrainerConfig.Builder config() {
    return TrainerConfig.builder()
        .seed(3)
        .promptsPerStep(24)
        .promptsPerMicroBatch(12)
        .optimizer(OptimizerConfig.adamW(0.01));
  }

  @Test
  void build_rolloutsAhead_isRefusedSinceTheRatiosWouldBeWrong() {
    try (TransformerActorCritic model = model(DataType.FLOAT)) {
      TrainerConfig.Builder ahead = config().rolloutsAhead(2);
      assertThatThrownBy(() -> trainer(model, new PpoConfig(), ahead))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("rolloutsAhead: expected 0 for ")
          .hasMessageEndingWith(", whose ratios do not correct for older policies, got 2");
    }
  }

  @Test
  void train_rewardedToken_becomesFrequentAndValuesFollow() {
    try (TransformerActorCritic model = model(DataType.FLOAT);
        P3OTrainer trainer =
            trainer(
                model, new PpoConfig().withClipRanges(0.2, Double.POSITIVE_INFINITY), config())) {
      StepMetrics first = trainer.step();
      double clipped = 0;
      StepMetrics last = first;
      for (int i = 0; i < 16; i++) {
        last = trainer.step();
        clipped = Math.max(clipped, last.get("policy/clipfrac_avg"));
      }
      assertThat(first.get("objective/kl")).isBetween(-1e-4, 1e-4);
      assertThat(last.get("objective/scores")).isGreaterThan(2 * first.get("objective/scores"));
      assertThat(last.get("loss/value_avg")).isLessThan(0.1 * first.get("loss/value_avg"));
      assertThat(clipped).isBetween(0.05, 0.5);
    }
  }

  @Test
  void step_ofOneUpdate_reportsBothPartsOfTheLoss() {
    try (TransformerActorCritic model = model(DataType.DOUBLE);
        P3OTrainer trainer = trainer(model, new PpoConfig(), config().epochsPerStep(1))) {
      PairwiseBatch rollout = trainer.rollout(0); // the same that the step draws
      StepMetrics metrics = trainer.step();

      double squaredReturns =
          rollout.targets().stream()
              .flatMapToDouble(targets -> targets.returns().values().stream())
              .map(r -> r * r)
              .average()
              .orElseThrow();
      assertThat(metrics.get("loss/value_avg")).isCloseTo(squaredReturns / 2, within(1e-12));
      // Every ratio is 1, and whitened advantages have mean 0.
      assertThat(metrics.get("loss/policy_avg")).isCloseTo(0, within(1e-12));
      assertThat(metrics.get("policy/clipfrac_avg")).isZero();
      assertThat(metrics.get("val/clipfrac_avg")).isZero();
    }
  }

  @Test
  void train_tabularPolicyOfAHostsGraph_learnsChoicesAndValues() {
    try (TabularActorCritic model = new TabularActorCritic(3, 4);
        P3OTrainer trainer =
            P3OTrainer.builder(
                    model,
                    new TokenPpoLoss(
                        new PpoConfig()
                            .withValueCoefficient(1)
                            .withClipRanges(0.2, Double.POSITIVE_INFINITY)))
                .prompts(PromptSource.uniform(Bandit.CONTEXTS))
                .rewardModel(Bandit.REWARD)
                .config(Bandit.config().optimizer(OptimizerConfig.adamW(0.1)).build())
                .build()) {
      trainer.train(40);
      try (TabularPolicy table = model.table()) {
        for (int x = 0; x < 3; x++) {
          assertThat(table.probabilities(x)[x]).as("context %s", x).isGreaterThan(0.8);
          assertThat(model.values()[x]).as("value %s", x).isCloseTo(0.9, within(0.2));
        }
      }
    }
  }
}
