package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.ActorCriticLoss;
import io.github.p3o.KlControl;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.OptimizerConfig.Schedule;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Policy;
import io.github.p3o.PolicyLoss;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardShaping;
import io.github.p3o.TabularPolicy;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.TabularActorCritic;
import io.github.p3o.train.Checkpoints;
import java.nio.file.Path;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every objective runs on the one engine: each goes on from a checkpoint to the same bits. */
class ObjectivesResumeTest {

  private static final int STEPS = 7;

  @TempDir private Path directory = Path.of("");

  /** A policy and its trainer, closed together. */
  private record Training(Policy policy, P3OTrainer trainer) implements AutoCloseable {

    /** With moments, a schedule and running statistics to forget. */
    static Training of(Policy policy, P3OTrainer.Builder builder, KlControl control) {
      return new Training(
          policy,
          builder
              .prompts(PromptSource.uniform(Bandit.CONTEXTS))
              .rewardModel(Bandit.REWARD)
              .config(
                  Bandit.config()
                      .rewardShaping(
                          RewardShaping.NONE.withScale(RewardShaping.Scale.PAIR_DEVIATION))
                      .klControl(control)
                      .optimizer(OptimizerConfig.adamW(0.05).withSchedule(4, Schedule.LINEAR, 500))
                      .build())
              .build());
    }

    static Training of(PolicyLoss loss) {
      TabularPolicy policy = TabularPolicy.uniform(3, 4);
      boolean hasKl = loss.klPenalty() > 0;
      return of(
          policy,
          P3OTrainer.builder(policy, loss),
          hasKl ? KlControl.adaptive(0.1, 500) : KlControl.fixed());
    }

    static Training of(ActorCriticLoss loss) {
      TabularActorCritic policy = new TabularActorCritic(3, 4);
      return of(policy, P3OTrainer.builder(policy, loss), KlControl.adaptive(0.1, 500));
    }

    double[] parameters() {
      return policy.parameters().vector().toDoubleVector();
    }

    @Override
    public void close() {
      trainer.close();
      policy.close();
    }
  }

  static Stream<Named<Supplier<Training>>> objectives() {
    return Stream.of(
        Named.of("p3o-v1", () -> Training.of(P3OLoss.v1())),
        Named.of("p3o-v2", () -> Training.of(P3OLoss.v2())),
        Named.of("online-dpo", () -> Training.of(new OnlineDpoLoss())),
        Named.of("ppo", () -> Training.of(new TokenPpoLoss())),
        Named.of("ppo-sequence", () -> Training.of(new PpoLoss())));
  }

  @ParameterizedTest
  @MethodSource("objectives")
  void resume_anyObjective_goesOnToTheSameBits(Supplier<Training> objective) {
    Checkpoints checkpoints = new Checkpoints(directory, 1);
    double[] uninterrupted;
    try (Training whole = objective.get()) {
      whole.trainer().train(3);
      checkpoints.save(whole.trainer());
      whole.trainer().train(STEPS - 3);
      uninterrupted = whole.parameters();
    }
    try (Training resumed = objective.get()) {
      resumed.trainer().step(); // what it did before is gone
      assertThat(checkpoints.resume(resumed.trainer())).isNotNull();
      resumed.trainer().train(STEPS - 3);
      assertThat(resumed.trainer().stepsDone()).isEqualTo(STEPS);
      assertThat(resumed.parameters()).containsExactly(uninterrupted);
    }
  }
}
