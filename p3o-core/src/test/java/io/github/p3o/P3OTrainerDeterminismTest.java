package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.testing.Bandit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Same seed, same bits; what must not matter does not. */
class P3OTrainerDeterminismTest {

  /** The parameters after some steps, and the metrics of each but for the times. */
  private record Run(List<Double> parameters, List<StepMetrics> metrics) {}

  private static Run run(TrainerConfig config, RewardModel reward) {
    List<StepMetrics> metrics = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).rewardModel(reward).config(config).build()) {
      for (int i = 0; i < 8; i++) {
        metrics.add(withoutTimes(trainer.step()));
      }
      double[] vector = policy.parameters().vector().toDoubleVector();
      return new Run(Arrays.stream(vector).boxed().toList(), metrics);
    }
  }

  private static StepMetrics withoutTimes(StepMetrics metrics) {
    return new StepMetrics(
        metrics.step(),
        metrics.values().entrySet().stream()
            .filter(entry -> !entry.getKey().startsWith("timing_s/"))
            .collect(ImmutableMap.toImmutableMap(Map.Entry::getKey, Map.Entry::getValue)));
  }

  @Test
  void train_sameSeedAgain_givesTheSameBits() {
    TrainerConfig config = Bandit.config().build();
    Run first = run(config, Bandit.REWARD);
    assertThat(run(config, Bandit.REWARD)).isEqualTo(first);
  }

  @Test
  void train_anotherSeed_givesAnotherRun() {
    Run first = run(Bandit.config().seed(7).build(), Bandit.REWARD);
    Run second = run(Bandit.config().seed(8).build(), Bandit.REWARD);
    assertThat(second.parameters()).isNotEqualTo(first.parameters());
  }

  /** Arrays so large that ND4J shares them out among its threads. */
  @Test
  void train_aLargePolicyAgain_givesTheSameBits() {
    assertThat(trainLarge()).containsExactly(trainLarge());
  }

  private static double[] trainLarge() {
    List<Prompt> prompts = IntStream.range(0, 200).mapToObj(Prompt::of).toList();
    TrainerConfig config = TrainerConfig.builder().promptsPerStep(256).build();
    try (TabularPolicy policy = TabularPolicy.uniform(200, 300);
        P3OTrainer trainer =
            Bandit.trainer(policy).prompts(PromptSource.uniform(prompts)).config(config).build()) {
      trainer.train(5);
      return policy.parameters().vector().toDoubleVector();
    }
  }

  /** Shifts that float64 holds exactly beside the rewards: the bits stay. */
  @Test
  void train_rewardShiftedExactlyByPrompt_givesTheSameBits() {
    TrainerConfig config = Bandit.config().build();
    double[] shift = {0, 1 << 20, -4096.5};
    RewardModel shifted =
        RewardModel.each(
            (prompt, response) ->
                shift[prompt.tokens().get(0)]
                    + (prompt.tokens().get(0) == response.tokens().get(0) ? 1 : 0));
    Run plain = run(config, Bandit.REWARD);
    Run moved = run(config, shifted);
    assertThat(moved.parameters()).isEqualTo(plain.parameters());
    assertThat(moved.metrics().get(7).get("objective/scores"))
        .isNotEqualTo(plain.metrics().get(7).get("objective/scores"));
  }

  /** Shifts that round the rewards, to 2⁻³⁸ here, change the run by no more than that. */
  @Test
  void train_rewardShiftedWithRounding_staysNear() {
    TrainerConfig config = Bandit.config().build();
    RewardModel tenths =
        RewardModel.each((prompt, response) -> 0.1 * (response.tokens().get(0) + 1));
    RewardModel shifted =
        RewardModel.each((prompt, response) -> 0.1 * (response.tokens().get(0) + 1) + 12345.678);
    List<Double> plain = run(config, tenths).parameters();
    List<Double> moved = run(config, shifted).parameters();
    for (int i = 0; i < plain.size(); i++) {
      assertThat(moved.get(i)).isCloseTo(plain.get(i), within(1e-8));
    }
  }

  /**
   * The sum over micro-batches rounds otherwise than the one large batch, by at most as many ulps
   * as there are terms: each entry of the gradient is within 10⁻¹⁴ of the greatest.
   */
  @Property(tries = 25)
  void gradients_inUnevenMicroBatches_equalThoseOfTheOneLargeBatch(
      @ForAll @IntRange(min = 1, max = 30) int prompts,
      @ForAll @IntRange(min = 1, max = 30) int atOnce,
      @ForAll @IntRange(min = 2, max = 4) int k) {
    TrainerConfig.Builder config =
        TrainerConfig.builder().promptsPerStep(prompts).responsesPerPrompt(k);
    try (TabularPolicy policy =
            TabularPolicy.of(new double[][] {{1, 2, 0}, {0, 0, 1}, {-1, 0, 1}});
        P3OTrainer whole =
            Bandit.trainer(policy).config(config.promptsPerMicroBatch(prompts).build()).build();
        P3OTrainer parts =
            Bandit.trainer(policy).config(config.promptsPerMicroBatch(atOnce).build()).build()) {
      PairwiseBatch batch = whole.rollout(0);
      try (Gradients one = whole.gradients(batch);
          Gradients sum = parts.gradients(batch)) {
        double greatest = one.vector().normmaxNumber().doubleValue();
        double[] expected = one.vector().toDoubleVector();
        assertThat(sum.vector().toDoubleVector())
            .containsExactly(expected, within(1e-14 * greatest));
        assertThat(sum.loss()).isCloseTo(one.loss(), within(1e-14));
        assertThat(sum.logProbs()).isEqualTo(one.logProbs());
        one.statistics()
            .diagnostics()
            .forEach(
                (name, mean) ->
                    assertThat(sum.statistics().diagnostics().get(name))
                        .isCloseTo(mean, within(1e-14)));
      }
    }
  }
}
