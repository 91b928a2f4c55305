package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.KeptRollouts;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Who samples, who is the reference, and what listeners see. */
class P3OTrainerRolloutTest {

  private static double[] vector(Policy policy) {
    return policy.parameters().vector().toDoubleVector();
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

  @Test
  void rollouts_ofARun_numberEveryPairOnce() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).listener(new KeptRollouts(rollouts)).build()) {
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
        P3OTrainer trainer = Bandit.trainer(policy).listener(new KeptRollouts(rollouts)).build()) {
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
          Bandit.trainer(policy)
              .reference(reference)
              .listener(new KeptRollouts(rollouts))
              .build()) {
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
  void step_samplerThatDropsPrompts_trainsOnTheRest() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .sampler((prompts, k, random) -> policy.sample(prompts.subList(0, 7), k, random))
                .listener(new KeptRollouts(rollouts))
                .build()) {
      trainer.train(2);
      assertThat(rollouts.get(1).ids().asList()).containsExactly(24L, 25L, 26L, 27L, 28L, 29L, 30L);
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
