package io.github.p3o.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole training runs on a contextual bandit. */
class TabularTrainingTest {

  private static final ImmutableList<Prompt> CONTEXTS =
      ImmutableList.of(Prompt.of(0), Prompt.of(1), Prompt.of(2));

  /** In context x, choice x is worth 1 and all others 0. */
  private static final RewardModel REWARD =
      RewardModel.each(
          (prompt, response) -> prompt.tokens().get(0) == response.tokens().get(0) ? 1.0 : 0.0);

  static List<PairwiseLoss> losses() {
    return List.of(P3OLoss.v1(), P3OLoss.v2());
  }

  private static TrainerConfig config() {
    return TrainerConfig.builder()
        .seed(7)
        .promptsPerStep(32)
        .epochsPerStep(3)
        .promptsPerUpdate(16)
        .promptsPerMicroBatch(5)
        .optimizer(OptimizerConfig.adamW(0.1))
        .build();
  }

  private static P3OTrainer trainer(TabularPolicy policy, PairwiseLoss loss, RewardModel reward) {
    return P3OTrainer.builder(policy, loss)
        .prompts(PromptSource.uniform(CONTEXTS))
        .rewardModel(reward)
        .config(config())
        .build();
  }

  @ParameterizedTest
  @MethodSource("losses")
  void train_rewardedChoice_becomesLikely(PairwiseLoss loss) {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, loss, REWARD)) {
      StepMetrics first = trainer.step();
      assertEquals(0, first.get("objective/kl"), 1e-12);
      trainer.train(40);
      for (int x = 0; x < 3; x++) {
        assertTrue(policy.probabilities(x)[x] > 0.8, "context " + x);
      }
      assertTrue(trainer.step().get("objective/kl") > 0.5);
    }
  }

  @ParameterizedTest
  @MethodSource("losses")
  void train_rewardShiftedByPrompt_endsAtTheSameParameters(PairwiseLoss loss) {
    double[] plain = train(loss, REWARD);
    double[] shifted =
        train(
            loss,
            RewardModel.each(
                (prompt, response) ->
                    (prompt.tokens().get(0) == response.tokens().get(0) ? 1.0 : 0.0)
                        + 1000 * prompt.tokens().get(0)));
    assertArrayEquals(plain, shifted, 0);
  }

  private static double[] train(PairwiseLoss loss, RewardModel reward) {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, loss, reward)) {
      trainer.train(10);
      return policy.parameters().vector().toDoubleVector();
    }
  }

  @ParameterizedTest
  @MethodSource("losses")
  void step_samplerOfAnotherPolicy_isRefused(PairwiseLoss loss) {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy other =
            TabularPolicy.of(new double[][] {{1, 2, 3, 4}, {0, 0, 0, 1}, {5, 0, 0, 0}});
        P3OTrainer trainer =
            P3OTrainer.builder(policy, loss)
                .prompts(PromptSource.uniform(CONTEXTS))
                .sampler((PairSampler) other)
                .rewardModel(REWARD)
                .build()) {
      assertThrows(IllegalStateException.class, trainer::step);
    }
  }
}
