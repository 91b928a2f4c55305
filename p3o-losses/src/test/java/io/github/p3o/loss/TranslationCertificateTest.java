package io.github.p3o.loss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Doubles;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.eval.TranslationCertificate;
import io.github.p3o.eval.TranslationCertificate.Comparison;
import io.github.p3o.testing.TabularActorCritic;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole training runs with and without a shift of the reward by δ(prompt). */
class TranslationCertificateTest {

  private static final double[] MAGNITUDES = {0.3, 1, 3.3, 1e3, 1e6 / 3, 1e6};

  private static final RewardModel REWARD =
      TranslationCertificate.rounded(
          RewardModel.each(
              (prompt, response) ->
                  Math.sin(1 + prompt.tokens().get(0) + 3 * response.tokens().get(0))),
          20);

  private static double[] train(PolicyLoss loss, int k, UnaryOperator<RewardModel> shift) {
    try (TabularPolicy policy = TabularPolicy.uniform(5, 4)) {
      train(P3OTrainer.builder(policy, loss), k, shift);
      return policy.parameters().vector().toDoubleVector();
    }
  }

  private static void train(P3OTrainer.Builder run, int k, UnaryOperator<RewardModel> shift) {
    try (P3OTrainer trainer =
        run.prompts(
                PromptSource.uniform(
                    List.of(Prompt.of(0), Prompt.of(1), Prompt.of(2), Prompt.of(3), Prompt.of(4))))
            .rewardModel(shift.apply(REWARD))
            .config(
                TrainerConfig.builder()
                    .promptsPerStep(8)
                    .responsesPerPrompt(k)
                    .epochsPerStep(2)
                    .optimizer(OptimizerConfig.adamW(0.02))
                    .build())
            .build()) {
      trainer.train(5);
    }
  }

  static List<PolicyLoss> invariant() {
    return List.of(P3OLoss.v1(), P3OLoss.v2(), new LeaveOneOutLoss());
  }

  static List<PolicyLoss> changed() {
    return List.of(new PolicyGradientLoss(), new PpoLoss());
  }

  @ParameterizedTest
  @MethodSource("invariant")
  void run_objectiveOnDifferences_endsWithTheSameBits(PolicyLoss loss) {
    for (int k : new int[] {2, 3}) {
      for (Comparison comparison :
          TranslationCertificate.run(shift -> train(loss, k, shift), MAGNITUDES)) {
        assertTrue(comparison.identical(), loss.name() + " " + comparison);
        assertEquals(0, comparison.largestDifference());
        assertTrue(comparison.largestParameter() > 0.01, "it has learned something");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("changed")
  void run_objectiveOnRewards_endsElsewhere(PolicyLoss loss) {
    for (Comparison comparison :
        TranslationCertificate.run(shift -> train(loss, 2, shift), MAGNITUDES)) {
      assertTrue(comparison.largestDifference() > 0.01, loss.name() + " " + comparison);
    }
  }

  /** The logits alone are compared: values are meant to follow the shift. */
  @Test
  void run_ppoOnTokens_endsAtAnotherPolicy() {
    for (Comparison comparison :
        TranslationCertificate.run(
            shift -> {
              try (TabularActorCritic policy = new TabularActorCritic(5, 4)) {
                train(P3OTrainer.builder(policy, new TokenPpoLoss()), 2, shift);
                return Doubles.concat(policy.parameters().get("logits").toDoubleMatrix());
              }
            },
            MAGNITUDES)) {
      assertTrue(comparison.largestDifference() > 0.01, comparison.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.0009, -1, Double.POSITIVE_INFINITY, Double.NaN})
  void run_magnitudeOutOfRange_isRefused(double magnitude) {
    assertThrows(
        IllegalArgumentException.class,
        () -> TranslationCertificate.run(shift -> new double[1], magnitude));
  }

  /** Whatever the magnitude, each δ is a multiple of 2⁻²⁰ near the magnitude times its number. */
  @ParameterizedTest
  @ValueSource(doubles = {1.0 / 1024, 0.3, 1.1, 3.3, 33.3, 1e6 / 3})
  void shifted_byAnyMagnitude_isExact(double magnitude) {
    ImmutableList<Prompt> prompts =
        IntStream.range(0, 200).mapToObj(Prompt::of).collect(ImmutableList.toImmutableList());
    ImmutableList<Response> responses =
        prompts.stream().map(p -> Response.of(0)).collect(ImmutableList.toImmutableList());
    double[] rewards = REWARD.score(prompts, responses);
    double[] one =
        TranslationCertificate.shifted(RewardModel.each((p, r) -> 0), 1).score(prompts, responses);
    double[] shifted = TranslationCertificate.shifted(REWARD, magnitude).score(prompts, responses);
    for (int i = 0; i < shifted.length; i++) {
      double shift = shifted[i] - rewards[i];
      assertEquals(Math.rint(Math.scalb(shift, 20)), Math.scalb(shift, 20));
      assertEquals(magnitude * one[i], shift, Math.scalb(1.0, -21));
    }
    assertEquals(
        Arrays.stream(one).distinct().count(),
        IntStream.range(0, 200).mapToDouble(i -> shifted[i] - rewards[i]).distinct().count());
  }
}
