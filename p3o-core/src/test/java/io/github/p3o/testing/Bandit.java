package io.github.p3o.testing;

import com.google.common.collect.ImmutableList;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;

/** A contextual bandit of three contexts: in context x, choice x is worth 1 and all others 0. */
public final class Bandit {

  /** The contexts. */
  public static final ImmutableList<Prompt> CONTEXTS =
      ImmutableList.of(Prompt.of(0), Prompt.of(1), Prompt.of(2));

  /** The reward. */
  public static final RewardModel REWARD =
      RewardModel.each(
          (prompt, response) -> prompt.tokens().get(0) == response.tokens().get(0) ? 1 : 0);

  private Bandit() {}

  /** 24 prompts a step, 3 epochs of mini-batches of 10, 10 and 4, in micro-batches of at most 4. */
  public static TrainerConfig.Builder config() {
    return TrainerConfig.builder()
        .seed(7)
        .promptsPerStep(24)
        .epochsPerStep(3)
        .promptsPerUpdate(10)
        .promptsPerMicroBatch(4)
        .optimizer(OptimizerConfig.adamW(0.05));
  }

  /** A trainer of a tabular policy by {@link ImportanceSampledLoss}. */
  public static P3OTrainer.Builder trainer(Policy policy) {
    return P3OTrainer.builder(policy, new ImportanceSampledLoss())
        .prompts(PromptSource.uniform(CONTEXTS))
        .rewardModel(REWARD)
        .config(config().build());
  }
}
