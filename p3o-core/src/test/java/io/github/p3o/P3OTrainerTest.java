package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.internal.RandomStreams;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class P3OTrainerTest {

  private static double[] vector(Policy policy) {
    return policy.parameters().vector().toDoubleVector();
  }

  @Test
  void train_rewardedChoice_becomesLikely() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build()) {
      trainer.train(60);
      for (int x = 0; x < 3; x++) {
        assertThat(policy.probabilities(x)[x]).isGreaterThan(0.8);
      }
    }
  }

  @Test
  void train_rewardsOfZeroAndBelow_preferZero() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .rewardModel(
                    RewardModel.each((prompt, response) -> response.tokens().get(0) == 2 ? 0 : -1))
                .build()) {
      trainer.train(60);
      assertThat(policy.probabilities(1)[2]).isGreaterThan(0.8);
    }
  }

  @Test
  void step_allRewardsZero_changesNothingAndSaysSo() {
    OptimizerConfig optimizer = OptimizerConfig.adamW(0.1).withWeightDecay(0);
    try (TabularPolicy policy = TabularPolicy.of(new double[][] {{1, 2}, {3, 4}, {5, 6}});
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .rewardModel(RewardModel.each((prompt, response) -> 0))
                .config(Bandit.config().optimizer(optimizer).build())
                .build()) {
      StepMetrics metrics = trainer.step();
      assertThat(vector(policy)).containsExactly(1, 2, 3, 4, 5, 6);
      assertThat(metrics.get("frac_zero_signal")).isEqualTo(1);
      assertThat(metrics.get("grad_norm")).isZero();
    }
  }

  /** A host's own loop: what a step does, with the calls that can be made apart. */
  private static void stepByHand(
      P3OTrainer trainer, TabularPolicy policy, long step, double updates) {
    TrainerConfig config = Bandit.config().build();
    PairwiseBatch rollout = trainer.rollout(step);
    RandomGenerator random = RandomStreams.forStep(config.seed(), step);
    PromptSource prompts = PromptSource.uniform(Bandit.CONTEXTS);
    policy.sample(prompts.next(config.promptsPerStep(), random), 2, random); // as the rollout drew
    for (int epoch = 0; epoch < config.epochsPerStep(); epoch++) {
      int[] order = RandomStreams.permutation(rollout.groups(), random);
      for (int from = 0; from < order.length; from += config.promptsPerUpdate()) {
        int to = Math.min(from + config.promptsPerUpdate(), order.length);
        int[] groups = IntStream.range(from, to).map(i -> order[i]).toArray();
        if (updates-- <= 0) {
          return;
        }
        trainer.apply(trainer.gradients(rollout.select(groups)));
      }
    }
  }

  @Test
  void gradientsAndApply_inALoopOfTheHost_equalStepToTheBit() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy other = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build();
        P3OTrainer byHand = Bandit.trainer(other).build()) {
      for (long step = 0; step < 3; step++) {
        trainer.step();
        stepByHand(byHand, other, step, 9);
        assertThat(vector(other)).containsExactly(vector(policy));
      }
    }
  }

  @Test
  void step_miniBatchTooFarFromTheRollout_endsTheUpdatesBeforeIt() {
    double bound = 0.002;
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy other = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy).config(Bandit.config().maxApproximateKl(bound).build()).build();
        P3OTrainer byHand = Bandit.trainer(other).build()) {
      StepMetrics metrics = trainer.step();
      assertThat(metrics.get("policy/updates")).isBetween(1.0, 8.0);
      assertThat(metrics.get("policy/approxkl_avg")).isLessThanOrEqualTo(bound);
      stepByHand(byHand, other, 0, metrics.get("policy/updates"));
      assertThat(vector(policy)).containsExactly(vector(other));
      assertThat(byHand.step().get("policy/updates")).isEqualTo(9);
    }
  }

  @Test
  void gradients_ofABatch_changeNothing() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build()) {
      PairwiseBatch batch = trainer.rollout(0);
      double[] before = vector(policy);
      try (Gradients first = trainer.gradients(batch);
          Gradients second = trainer.gradients(batch)) {
        assertThat(second.vector()).isEqualTo(first.vector());
        assertThat(second.loss()).isEqualTo(first.loss());
        assertThat(first.groups()).isEqualTo(24);
      }
      assertThat(vector(policy)).containsExactly(before);
    }
  }

  @Test
  void apply_gradientsThatWereApplied_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build()) {
      Gradients gradients = trainer.gradients(trainer.rollout(0));
      double norm = gradients.vector().norm2Number().doubleValue();
      assertThat(trainer.apply(gradients)).isEqualTo(norm);
      assertThat(gradients.vector().wasClosed()).isTrue();
      double[] after = vector(policy);
      assertThatThrownBy(() -> trainer.apply(gradients))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("gradient: expected an open array, got a closed one");
      assertThat(vector(policy)).containsExactly(after);
    }
  }

  @Test
  void gradients_numbersOnlyOrAnotherK_areRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build();
        P3OTrainer threes =
            Bandit.trainer(policy).config(Bandit.config().responsesPerPrompt(3).build()).build()) {
      double[] zeros = new double[4];
      LogProbs logProbs = LogProbs.of(zeros, zeros);
      assertThatThrownBy(
              () ->
                  trainer.gradients(
                      PairwiseBatch.ofNumbers(logProbs, logProbs, Rewards.of(zeros, zeros))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("batch: expected prompts and responses, got numbers only");
      assertThatThrownBy(() -> trainer.gradients(threes.rollout(0)))
          .hasMessage("batch: expected 2 responses a prompt, got 3");
    }
  }

  @Test
  void build_withoutAPart_isRefusedByName() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 2)) {
      P3OTrainer.Builder builder = P3OTrainer.builder(policy, new ImportanceSampledLoss());
      assertThatThrownBy(builder::build)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("prompts: expected to be set, got none");
      builder.prompts(PromptSource.uniform(Bandit.CONTEXTS));
      assertThatThrownBy(builder::build).hasMessage("rewardModel: expected to be set, got none");
    }
  }

  @Test
  void build_frozenPolicy_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 2);
        TabularPolicy frozen = policy.frozenCopy()) {
      assertThatThrownBy(() -> Bandit.trainer(frozen).build())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("parameters: expected trainable ones, got frozen ones");
    }
  }

  @Test
  void train_negativeSteps_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build()) {
      trainer.train(0);
      assertThatThrownBy(() -> trainer.train(-1)).hasMessage("steps: expected at least 0, got -1");
    }
  }

  @Test
  void use_afterClose_isRefusedAndLeavesThePolicyOpen() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      P3OTrainer trainer = Bandit.trainer(policy).build();
      PairwiseBatch batch = trainer.rollout(0);
      Gradients gradients = trainer.gradients(batch);
      trainer.close();
      trainer.close();
      assertThatThrownBy(trainer::step).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> trainer.gradients(batch)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> trainer.apply(gradients)).isInstanceOf(IllegalStateException.class);
      assertThat(vector(policy)).containsOnly(0);
    }
  }

  @Test
  void train_manyResponsesAPrompt_learnsToo() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy).config(Bandit.config().responsesPerPrompt(4).build()).build()) {
      trainer.train(40);
      assertThat(policy.probabilities(2)[2]).isGreaterThan(0.8);
    }
  }
}
