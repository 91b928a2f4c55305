package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.PolicyLearner;
import io.github.p3o.internal.ResponseObjective;
import io.github.p3o.internal.Whole;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ImportanceSampledLoss;
import io.github.p3o.testing.TabularActorCritic;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/** Others do the work of a trainer. */
class WorkersTest {

  /** Works in this process, by another trainer of the same policy. */
  private record Colleague(TabularPolicy policy, P3OTrainer trainer) implements Workers {

    @Override
    public PairwiseBatch rollout(
        ImmutableLongArray ids, ImmutableList<Prompt> prompts, RandomGenerator random) {
      Samples samples = policy.sample(prompts, 2, random);
      double[] references = new double[samples.responses().size()];
      Arrays.fill(references, -Math.log(4)); // uniform over four choices
      return new PairwiseBatch(
          ids,
          prompts,
          samples.responses(),
          samples.behaviour(),
          LogProbs.ofFlat(2, references),
          Rewards.ofFlat(2, Bandit.REWARD.score(samples.promptOfEach(), samples.responses())));
    }

    @Override
    public Gradients gradients(PairwiseBatch batch, double klScale) {
      return trainer.gradients(batch);
    }
  }

  private static final Workers OF_OTHER_PROMPTS =
      new Workers() {
        @Override
        public PairwiseBatch rollout(
            ImmutableLongArray ids, ImmutableList<Prompt> prompts, RandomGenerator random) {
          try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
              P3OTrainer trainer = Bandit.trainer(policy).build()) {
            return trainer.rollout(5);
          }
        }

        @Override
        public Gradients gradients(PairwiseBatch batch, double klScale) {
          throw new AssertionError("not reached");
        }
      };

  @Test
  void train_byWorkers_givesTheBitsOfTheTrainerItself() {
    try (TabularPolicy alone = TabularPolicy.uniform(3, 4);
        TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer itself = Bandit.trainer(alone).build();
        P3OTrainer colleague = Bandit.trainer(policy).build();
        P3OTrainer trainer =
            P3OTrainer.builder(policy, new ImportanceSampledLoss())
                .prompts(PromptSource.uniform(Bandit.CONTEXTS))
                .workers(new Colleague(policy, colleague))
                .config(Bandit.config().build())
                .build()) {
      for (int i = 0; i < 4; i++) {
        StepMetrics expected = itself.step();
        assertThat(trainer.step().get("objective/kl"))
            .isCloseTo(expected.get("objective/kl"), within(1e-12));
      }
      assertThat(policy.parameters().vector().toDoubleVector())
          .containsExactly(alone.parameters().vector().toDoubleVector());
    }
  }

  @Test
  void step_workersThatAnswerOtherPrompts_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).workers(OF_OTHER_PROMPTS).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(
              "workers: expected 2 responses to each of the prompts 0 to 23 in their order, got 2"
                  + " to prompts [120, ");
    }
  }

  @Test
  void build_workersForAnObjectiveOnTokens_isRefused() {
    try (TabularActorCritic policy = new TabularActorCritic(3, 4)) {
      P3OTrainer.Builder builder =
          P3OTrainer.builder(
                  policy,
                  new ActorCriticLoss() {
                    @Override
                    public String name() {
                      return "on-tokens";
                    }

                    @Override
                    public ImmutableList<TokenTargets> targets(
                        ImmutableList<TokenRollout> rollout, double klScale) {
                      throw new AssertionError("not reached");
                    }

                    @Override
                    public LossTerms build(TokenVariables variables) {
                      throw new AssertionError("not reached");
                    }
                  })
              .prompts(PromptSource.uniform(Bandit.CONTEXTS))
              .workers(OF_OTHER_PROMPTS);
      assertThatThrownBy(builder::build)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "workers: expected none for on-tokens, which needs values of the tokens, got some");
    }
  }

  /** Uneven parts of a batch, computed apart, are the one batch. */
  @Test
  void gradients_ofParts_addUpToTheBatchs() {
    try (TabularPolicy policy =
            TabularPolicy.of(new double[][] {{1, 2, 0}, {0, 0, 1}, {-1, 0, 1}});
        P3OTrainer trainer = Bandit.trainer(policy).build();
        PolicyLearner learner =
            new PolicyLearner(
                policy, new ResponseObjective(policy, new ImportanceSampledLoss(), 2), 2, 3)) {
      PairwiseBatch batch = trainer.rollout(0);
      Whole whole = Whole.of(batch, batch.groups());
      int[][] parts = {
        {0}, {1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, {20, 21, 22, 23}
      };
      double[] sum = new double[9];
      double loss = 0;
      for (int[] part : parts) {
        try (Gradients share = learner.gradients(batch.select(part), whole, 1)) {
          double[] values = share.vector().toDoubleVector();
          for (int i = 0; i < sum.length; i++) {
            sum[i] += values[i];
          }
          loss += share.loss();
        }
      }
      try (Gradients one = trainer.gradients(batch)) {
        assertThat(sum).containsExactly(one.vector().toDoubleVector(), within(1e-14));
        assertThat(loss).isCloseTo(one.loss(), within(1e-14));
      }
    }
  }

  /** The default of the interface is one prompt after the other. */
  @Test
  void sample_fromSeeds_doesNotDependOnTheNeighbours() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      Samples together = policy.sample(Bandit.CONTEXTS, 5, ImmutableLongArray.of(11, 12, 13));
      assertThat(together.prompts()).isEqualTo(Bandit.CONTEXTS);
      for (int g = 0; g < 3; g++) {
        Samples alone =
            policy.sample(
                ImmutableList.of(Bandit.CONTEXTS.get(g)), 5, new SplittableRandom(11 + g));
        for (int i = 0; i < 5; i++) {
          assertThat(together.responses().get(i * 3 + g)).isEqualTo(alone.responses().get(i));
          assertThat(together.behaviour().get(i, g)).isEqualTo(alone.behaviour().get(i, 0));
        }
      }
      assertThatThrownBy(() -> policy.sample(Bandit.CONTEXTS, 2, ImmutableLongArray.of(1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("seeds: expected 3, one for each prompt, got 1");
    }
  }
}
