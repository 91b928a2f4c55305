package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.RewardShaping.Breaking;
import io.github.p3o.RewardShaping.Centering;
import io.github.p3o.RewardShaping.PerPrompt;
import io.github.p3o.RewardShaping.Scale;
import io.github.p3o.eval.TranslationCertificate;
import io.github.p3o.eval.TranslationCertificate.Comparison;
import io.github.p3o.internal.Ops;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.MetricsPage;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Shaped rewards in whole training runs. */
class P3OTrainerShapingTest {

  private static final RewardModel REWARD =
      RewardModel.each(
          (prompt, response) -> prompt.tokens().get(0) + 0.375 * response.tokens().get(0));

  private static P3OTrainer.Builder trainer(Policy policy, RewardShaping shaping) {
    return Bandit.trainer(policy)
        .rewardModel(REWARD)
        .config(Bandit.config().rewardShaping(shaping).build());
  }

  private static double[] train(RewardShaping shaping, UnaryOperator<RewardModel> shift) {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, shaping).rewardModel(shift.apply(REWARD)).build()) {
      trainer.train(4);
      return policy.parameters().vector().toDoubleVector();
    }
  }

  @Test
  void run_ofShapingThatBreaksNothing_endsWithTheSameBits() {
    RewardShaping penalised = RewardShaping.NONE.withMissingEndPenalty(0.3);
    for (RewardShaping shaping :
        new RewardShaping[] {
          penalised.withScale(Scale.PAIR_DEVIATION),
          penalised.withPerPrompt(PerPrompt.DEVIATION),
          penalised.withPerPrompt(PerPrompt.MEAN_AND_DEVIATION)
        }) {
      for (Comparison comparison :
          TranslationCertificate.run(shift -> train(shaping, shift), 1, 1e6)) {
        assertThat(comparison.identical()).as("%s %s", shaping, comparison).isTrue();
        assertThat(comparison.largestParameter()).isGreaterThan(0.05);
      }
    }
  }

  @Test
  void run_ofShapingThatBreaksTheInvariance_endsElsewhere() {
    for (RewardShaping shaping :
        new RewardShaping[] {
          RewardShaping.NONE.withScale(Scale.REWARD_DEVIATION).allowing(Breaking.REWARD_DEVIATION),
          RewardShaping.NONE.withClip(2).allowing(Breaking.CLIP)
        }) {
      Comparison comparison =
          TranslationCertificate.run(shift -> train(shaping, shift), 100).get(0);

      assertThat(comparison.largestDifference()).as("%s", shaping).isGreaterThan(1e-3);
    }
  }

  private static RewardShaping with(Breaking breaking) {
    return switch (breaking) {
      case REWARD_DEVIATION -> RewardShaping.NONE.withScale(Scale.REWARD_DEVIATION);
      case RUNNING_MEAN -> RewardShaping.NONE.withCentering(Centering.RUNNING_MEAN);
      case CLIP -> RewardShaping.NONE.withClip(10);
    };
  }

  @ParameterizedTest
  @EnumSource(Breaking.class)
  void build_shapingThatBreaksTheInvariance_isRefusedUnlessAllowedByName(Breaking breaking) {
    RewardShaping shaping = with(breaking);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      assertThatThrownBy(() -> trainer(policy, shaping).build())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("rewardShaping: expected nothing that lets a shift")
          .hasMessageContainingAll("[" + breaking + "]", "allowBreakingInvariance");
      try (P3OTrainer allowed = trainer(policy, shaping.allowing(breaking)).build()) {
        assertThat(allowed.step().get("shaping/breaks_invariance")).isEqualTo(1);
      }
    }
  }

  @Test
  void build_objectiveThatSeesRewards_isNotRefusedAnything() {
    PolicyLoss seesRewards =
        new PolicyLoss() {
          @Override
          public String name() {
            return "sees-rewards";
          }

          @Override
          public LossTerms build(ResponseVariables responses) {
            return new LossTerms(
                Ops.multiply(responses.reward(0), responses.logProb(0)), ImmutableMap.of());
          }
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      assertThatCode(
              () ->
                  P3OTrainer.builder(policy, seesRewards)
                      .prompts(PromptSource.uniform(Bandit.CONTEXTS))
                      .rewardModel(REWARD)
                      .config(
                          Bandit.config().rewardShaping(RewardShaping.NONE.withClip(10)).build())
                      .build()
                      .close())
          .doesNotThrowAnyException();
    }
  }

  @Test
  void scores_ofShapedRewards_areTheRewardsAsGiven() throws Exception {
    RewardShaping shaping = RewardShaping.NONE.withScale(Scale.PAIR_DEVIATION);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy same = TabularPolicy.uniform(3, 4);
        P3OTrainer shaped = trainer(policy, shaping).build();
        P3OTrainer plain = trainer(same, RewardShaping.NONE).build()) {
      StepMetrics metrics = shaped.step();
      StepMetrics expected = plain.step();

      assertThat(metrics.get("objective/scores")).isEqualTo(expected.get("objective/scores"));
      assertThat(metrics.get("objective/scores_margin"))
          .isEqualTo(expected.get("objective/scores_margin"));
      double scale = metrics.get("shaping/scale");
      assertThat(scale).isCloseTo(1 / shaped.rewardShapingState().pairDeviation(), within(1e-12));
      assertThat(metrics.get("shaping/scores_margin"))
          .isCloseTo(scale * expected.get("objective/scores_margin"), within(1e-12));
      assertThat(expected.values()).doesNotContainKey("shaping/scale");
      MetricsPage.assertDefines(
          metrics.values().keySet().stream().filter(name -> name.startsWith("shaping/")).toList());
    }
  }

  @Test
  void runningState_restored_goesOnAsIfItHadNotStopped() {
    RewardShaping shaping = RewardShaping.NONE.withScale(Scale.PAIR_DEVIATION);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy same = TabularPolicy.uniform(3, 4);
        P3OTrainer first = trainer(policy, shaping).build();
        P3OTrainer second = trainer(same, shaping).build()) {
      first.step();
      RewardShapingState state = first.rewardShapingState();
      assertThat(state.prompts()).isEqualTo(24);
      assertThat(state.responses()).isEqualTo(48);
      second.restore(first.checkpoint());

      assertThat(second.rewardShapingState()).isEqualTo(state);
      assertThat(second.rollout(1)).isEqualTo(first.rollout(1));
      assertThat(second.rewardShapingState()).isEqualTo(first.rewardShapingState());
    }
  }
}
