package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.RandomStreams;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
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
  private static void stepByHand(P3OTrainer trainer, TabularPolicy policy, long step) {
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
        stepByHand(byHand, other, step);
        assertThat(vector(other)).containsExactly(vector(policy));
      }
    }
  }

  @Test
  void rollout_sameStep_drawsTheSamePairsAndUpdatesNothing() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build()) {
      double[] before = vector(policy);
      PairwiseBatch first = trainer.rollout(5);
      assertThat(trainer.rollout(5)).isEqualTo(first);
      assertThat(trainer.rollout(6).responses()).isNotEqualTo(first.responses());
      assertThat(vector(policy)).containsExactly(before);
      assertThat(first.ids().asList().get(0)).isEqualTo(5 * 24);
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
  void listeners_ofSeveralSteps_areCalledInOrder() {
    List<String> calls = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .listener(recorder("a", calls))
                .listener(recorder("b", calls))
                .build()) {
      trainer.train(2);
    }
    assertThat(calls)
        .containsExactly(
            "a rollout 0",
            "b rollout 0",
            "a step 0",
            "b step 0", //
            "a rollout 1",
            "b rollout 1",
            "a step 1",
            "b step 1");
  }

  private static TrainingListener recorder(String name, List<String> calls) {
    return new TrainingListener() {
      @Override
      public void onRollout(long step, PairwiseBatch rollout) {
        calls.add(name + " rollout " + step);
      }

      @Override
      public void onStep(StepMetrics metrics) {
        calls.add(name + " step " + metrics.step());
      }
    };
  }

  private static TrainingListener onRollout(List<PairwiseBatch> rollouts) {
    return new TrainingListener() {
      @Override
      public void onRollout(long step, PairwiseBatch rollout) {
        rollouts.add(rollout);
      }
    };
  }

  @Test
  void rollouts_ofARun_numberEveryPairOnce() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).listener(onRollout(rollouts)).build()) {
      trainer.train(4);
    }
    Set<Long> ids = new HashSet<>();
    rollouts.forEach(rollout -> ids.addAll(rollout.ids().asList()));
    assertThat(ids).hasSize(4 * 24).contains(0L, 95L);
  }

  @Test
  void reference_byDefault_staysThePolicyAsItWasAtBuild() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.of(new double[][] {{0, 1}, {0, 0}, {2, 0}});
        TabularPolicy start = policy.frozenCopy();
        P3OTrainer trainer = Bandit.trainer(policy).listener(onRollout(rollouts)).build()) {
      trainer.train(10);
      PairwiseBatch last = rollouts.get(9);
      double moved = 0;
      for (int i = 0; i < 2; i++) {
        for (int g = 0; g < last.groups(); g++) {
          int context = last.prompts().get(g).tokens().get(0);
          int choice = last.responses().get(i * last.groups() + g).tokens().get(0);
          assertThat(last.referenceLogProbs().get(i, g))
              .isCloseTo(Math.log(start.probabilities(context)[choice]), within(1e-14));
          moved += Math.abs(last.oldLogProbs().get(i, g) - last.referenceLogProbs().get(i, g));
        }
      }
      assertThat(moved).isGreaterThan(1);
    }
  }

  @Test
  void reference_givenByTheHost_isUsedAndNotClosed() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 2);
        TabularPolicy reference = TabularPolicy.of(new double[][] {{0, 3}, {0, 3}, {0, 3}})) {
      try (P3OTrainer trainer =
          Bandit.trainer(policy).reference(reference).listener(onRollout(rollouts)).build()) {
        trainer.step();
        assertThat(rollouts.get(0).referenceLogProbs().get(0, 0))
            .isCloseTo(
                Math.log(
                    reference.probabilities(0)[rollouts.get(0).responses().get(0).tokens().get(0)]),
                within(1e-14));
      }
      assertThat(reference.probabilities(0)[1]).isGreaterThan(0.9); // still open
      assertThat(policy.probabilities(0)).hasSize(2); // as is the policy
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
          .hasMessage("parameters: expected trainable ones, got a frozen copy");
    }
  }

  @Test
  void step_samplerThatDropsPrompts_trainsOnTheRest() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .sampler((prompts, k, random) -> policy.sample(prompts.subList(0, 7), k, random))
                .listener(onRollout(rollouts))
                .build()) {
      trainer.train(2);
      assertThat(rollouts.get(1).ids().asList()).containsExactly(24L, 25L, 26L, 27L, 28L, 29L, 30L);
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

  /** The builder takes a policy that samples as its own sampler, and another in its place. */
  @Test
  void sampler_setByTheHost_replacesThePolicysOwn() {
    List<ImmutableList<Prompt>> asked = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .sampler(
                    (prompts, k, random) -> {
                      asked.add(prompts);
                      return policy.sample(prompts, k, random);
                    })
                .build()) {
      trainer.step();
    }
    assertThat(asked).hasSize(1);
    assertThat(asked.get(0)).hasSize(24);
  }
}
