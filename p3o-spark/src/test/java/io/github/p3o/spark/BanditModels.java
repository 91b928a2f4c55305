package io.github.p3o.spark;

import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.PolicyLoss;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.loss.PolicyGradientLoss;
import io.github.p3o.testing.Bandit;

/** The models of {@link Bandit}. */
record BanditModels(Objective objective, Reward reward) implements SparkModels<TabularPolicy> {

  /** Objectives that see of a batch what can be seen. */
  enum Objective {
    P3O,
    /** Its gradient needs the mean over the whole mini-batch. */
    WITH_BATCH_MEANS
  }

  enum Reward {
    ONE_FOR_THE_CONTEXT,
    NOT_A_NUMBER_IN_CONTEXT_2
  }

  static final int EPOCHS = 2;

  static final BanditModels USUAL = new BanditModels(Objective.P3O, Reward.ONE_FOR_THE_CONTEXT);

  @Override
  public TabularPolicy policy() {
    return TabularPolicy.uniform(3, 4);
  }

  @Override
  public PolicyLoss loss() {
    return objective == Objective.P3O ? P3OLoss.v2() : new PolicyGradientLoss();
  }

  @Override
  public PairSampler sampler(TabularPolicy policy) {
    return policy;
  }

  @Override
  public RewardModel rewardModel() {
    return reward == Reward.ONE_FOR_THE_CONTEXT
        ? Bandit.REWARD
        : RewardModel.each((prompt, response) -> prompt.tokens().get(0) == 2 ? Double.NaN : 1);
  }

  /** Two epochs of mini-batches of 10, 10 and 4 prompts: no partitions divide them evenly. */
  static TrainerConfig.Builder config() {
    return Bandit.config().epochsPerStep(EPOCHS);
  }

  static PromptSource prompts() {
    return PromptSource.uniform(Bandit.CONTEXTS);
  }

  /** The trainer of one machine that draws the same responses. */
  P3OTrainer plain(TabularPolicy policy, int epochs) {
    return P3OTrainer.builder(policy, loss())
        .prompts(prompts())
        .sampler(
            (prompts, k, random) ->
                policy.sample(prompts, k, ImmutableLongArray.copyOf(random.longs(prompts.size()))))
        .rewardModel(rewardModel())
        .config(config().epochsPerStep(epochs).build())
        .build();
  }

  /** The parameters after some steps of one machine. */
  double[] trainedPlainly(int steps, int epochs) {
    try (TabularPolicy policy = policy();
        P3OTrainer trainer = plain(policy, epochs)) {
      trainer.train(steps);
      return policy.parameters().vector().toDoubleVector();
    }
  }
}
