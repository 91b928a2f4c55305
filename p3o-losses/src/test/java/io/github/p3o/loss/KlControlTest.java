package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Gradients;
import io.github.p3o.KlControl;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.testing.TabularActorCritic;
import io.github.p3o.train.Checkpoints;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The KL coefficient follows the KL. */
class KlControlTest {

  private static final double BETA = 0.1;
  private static final KlShaping SHAPING = KlShaping.rollout(BETA);

  private static P3OTrainer trainer(TabularPolicy policy, PolicyLoss loss, KlControl control) {
    return P3OTrainer.builder(policy, loss)
        .prompts(PromptSource.uniform(ImmutableList.of(Prompt.of(0), Prompt.of(1))))
        .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0)))
        .config(
            TrainerConfig.builder()
                .promptsPerStep(16)
                .epochsPerStep(2)
                .optimizer(OptimizerConfig.adamW(0.1))
                .klControl(control)
                .build())
        .build();
  }

  /** β by Ziegler's formula from the KL of the steps before, in plain Java. */
  @Test
  void train_adaptive_changesTheCoefficientByItsFormula() {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 3);
        P3OTrainer trainer =
            trainer(policy, P3OLoss.v2().withKlShaping(SHAPING), KlControl.adaptive(0.05, 100))) {
      double beta = BETA;
      for (int step = 0; step < 15; step++) {
        StepMetrics metrics = trainer.step();
        double kl = metrics.get("objective/kl");
        assertThat(metrics.get("objective/kl_coef")).isCloseTo(beta, within(1e-15));
        assertThat(metrics.get("objective/rlhf_reward"))
            .isCloseTo(metrics.get("objective/scores") - beta * kl, within(1e-12));
        beta *= 1 + Math.max(-0.2, Math.min(0.2, kl / 0.05 - 1)) * 32 / 100;
      }
      assertThat(beta).isGreaterThan(1.5 * BETA);
    }
  }

  static List<PolicyLoss> withKl() {
    return List.of(
        P3OLoss.v1().withKlShaping(SHAPING),
        P3OLoss.v2().withKlShaping(KlShaping.current(BETA)),
        PairwisePolicyGradientLoss.onPolicy().withKlShaping(SHAPING),
        new LeaveOneOutLoss(SHAPING),
        new PolicyGradientLoss(SHAPING, Baseline.BATCH_MEAN),
        new PpoLoss(0.2, SHAPING, Baseline.BATCH_MEAN));
  }

  private static PolicyLoss withCoefficient(PolicyLoss loss, double beta) {
    if (loss instanceof P3OLoss p3o) {
      return p3o.form() == P3OLoss.Form.V1
          ? p3o.withKlShaping(KlShaping.rollout(beta))
          : p3o.withKlShaping(KlShaping.current(beta));
    }
    KlShaping shaping = KlShaping.rollout(beta);
    if (loss instanceof PairwisePolicyGradientLoss ppg) {
      return ppg.withKlShaping(shaping);
    }
    if (loss instanceof LeaveOneOutLoss) {
      return new LeaveOneOutLoss(shaping);
    }
    return loss instanceof PpoLoss
        ? new PpoLoss(0.2, shaping, Baseline.BATCH_MEAN)
        : new PolicyGradientLoss(shaping, Baseline.BATCH_MEAN);
  }

  @ParameterizedTest
  @MethodSource("withKl")
  void gradients_afterTheCoefficientChanged_areThoseOfThatCoefficient(PolicyLoss loss) {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 3);
        P3OTrainer adaptive = trainer(policy, loss, KlControl.adaptive(0.01, 50))) {
      adaptive.train(4);
      PairwiseBatch batch = adaptive.rollout(4);
      double next = nextCoefficient(adaptive);
      assertThat(Math.abs(next - BETA)).isGreaterThan(0.01);
      try (P3OTrainer fixed = trainer(policy, withCoefficient(loss, next), KlControl.fixed());
          Gradients expected = fixed.gradients(batch);
          Gradients got = adaptive.gradients(batch)) {
        assertThat(got.vector().toDoubleVector())
            .containsExactly(expected.vector().toDoubleVector(), within(1e-14));
        assertThat(got.loss()).isCloseTo(expected.loss(), within(1e-14));
      }
    }
  }

  /** What the trainer would use in its next step, read from its checkpoint. */
  private static double nextCoefficient(P3OTrainer trainer) {
    return BETA * Double.parseDouble(trainer.checkpoint().states().getOrDefault("klControl", ""));
  }

  @Test
  void resume_adaptive_goesOnToTheSameBits(@TempDir Path directory) {
    KlControl control = KlControl.adaptive(0.01, 50);
    Checkpoints checkpoints = new Checkpoints(directory, 1);
    try (TabularPolicy whole = TabularPolicy.uniform(2, 3);
        TabularPolicy resumed = TabularPolicy.uniform(2, 3);
        P3OTrainer first = trainer(whole, P3OLoss.v2(), control);
        P3OTrainer second = trainer(resumed, P3OLoss.v2(), control)) {
      first.train(5);
      checkpoints.save(first);
      first.train(5);
      checkpoints.resume(second);
      second.train(5);
      assertThat(resumed.parameters().vector()).isEqualTo(whole.parameters().vector());
      assertThat(second.checkpoint().states()).isEqualTo(first.checkpoint().states());
    }
  }

  @Test
  void build_adaptiveWithoutAKlInTheReward_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 3)) {
      assertThatThrownBy(() -> trainer(policy, new OnlineDpoLoss(), KlControl.adaptive(1, 100)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "klControl: expected FIXED for OnlineDpoLoss[klCoefficient=0.1], which has no KL in"
                  + " its reward, got ADAPTIVE");
    }
  }

  /** PPO's KL is in the rewards of tokens, which are fixed at rollout. */
  @Test
  void train_adaptiveWithPpoOnTokens_changesItsCoefficient() {
    PpoConfig config = new PpoConfig().withKlCoefficient(BETA);
    try (TabularActorCritic model = new TabularActorCritic(2, 3);
        P3OTrainer trainer =
            P3OTrainer.builder(model, new TokenPpoLoss(config))
                .prompts(PromptSource.uniform(ImmutableList.of(Prompt.of(0), Prompt.of(1))))
                .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0)))
                .config(
                    TrainerConfig.builder()
                        .promptsPerStep(16)
                        .optimizer(OptimizerConfig.adamW(0.1))
                        .klControl(KlControl.adaptive(0.01, 50))
                        .build())
                .build()) {
      trainer.train(4);
      double factor =
          Double.parseDouble(trainer.checkpoint().states().getOrDefault("klControl", ""));
      assertThat(factor).isGreaterThan(1.2);
      PairwiseBatch rollout = trainer.rollout(4);
      double now = rollout.targets().get(0).oldLogProbs().get(0);
      double kl = now - rollout.referenceLogProbs().get(0, 0);
      double reward = rollout.rewards().get(0, 0) - BETA * factor * kl;
      assertThat(rollout.targets().get(0).returns().get(0)).isCloseTo(reward, within(1e-12));
      assertThat(Math.abs(kl)).isGreaterThan(0.01);
      assertThat(trainer.step().get("objective/kl_coef")).isCloseTo(BETA * factor, within(1e-15));
    }
  }

  @Test
  void adaptive_numbersOutOfRange_areRefused() {
    assertThatThrownBy(() -> KlControl.adaptive(0, 100))
        .hasMessage("klControl.target: expected a finite number > 0, got 0.0");
    assertThatThrownBy(() -> KlControl.adaptive(1, 0.5))
        .hasMessage("klControl.horizon: expected a finite number >= 1, got 0.5");
  }
}
