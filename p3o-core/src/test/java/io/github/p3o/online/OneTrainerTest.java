package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.TrainingListener;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two that train one policy at the same time would undo each other's steps, unnoticed. */
@Timeout(60)
class OneTrainerTest {

  private static final String REFUSAL = "policy: expected parameters that nobody else trains";

  @TempDir private Path directory = Path.of("");

  private final TabularPolicy policy = TabularPolicy.uniform(3, 4);

  @AfterEach
  void close() {
    policy.close();
  }

  private OnlineAligner aligner(String name) {
    return OnlineAligner.builder(policy, new ImportanceSampledLoss(), directory.resolve(name))
        .config(Bandit.config().ratioCheck(RatioCheck.OFF).build())
        .open();
  }

  @Test
  void step_whileAnotherTrainerSteps_isRefusedAndInTurnsAllowed() {
    try (P3OTrainer other = Bandit.trainer(policy).build()) {
      TrainingListener within =
          new TrainingListener() {
            @Override
            public void onRollout(long step, PairwiseBatch rollout) {
              if (step == 1) {
                other.step();
              }
            }
          };
      try (P3OTrainer trainer = Bandit.trainer(policy).listener(within).build()) {
        trainer.step();
        other.step();
        assertThatThrownBy(trainer::step)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageStartingWith(REFUSAL);
        other.step();
        assertThat(other.stepsDone()).isEqualTo(2);
      }
    }
  }

  @Test
  void openOrStep_onThePolicyOfAnAligner_isRefusedUntilItIsClosed() {
    try (P3OTrainer trainer = Bandit.trainer(policy).build()) {
      try (OnlineAligner aligner = aligner("one")) {
        assertThat(aligner.status().steps()).isZero();
        assertThatThrownBy(() -> aligner("two"))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageStartingWith(REFUSAL);
        assertThatThrownBy(trainer::step).hasMessageStartingWith(REFUSAL);
      }
      aligner("two").close();
      trainer.step();
      assertThat(trainer.stepsDone()).isEqualTo(1);
    }
  }
}
