package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The author's settings, number by number. */
class PresetTest {

  @ParameterizedTest
  @CsvSource({
    "SIZE_125M, 125m, 128, 16, 1500, 8e-6",
    "SIZE_1B, 1b, 64, 8, 2500, 6e-6",
    "SIZE_6B, 6b, 64, 4, 6000, 8e-6",
    "SIZE_20B, 20b, 16, 1, 8000, 1e-6"
  })
  void preset_hasTheAuthorsNumbers(
      Preset preset, String name, int pairs, int batch, int steps, double learningRate) {
    TrainerConfig config = preset.config().build();

    assertThat(preset).hasToString(name);
    assertThat(config.promptsPerStep()).isEqualTo(pairs);
    assertThat(config.promptsPerUpdate()).isEqualTo(batch);
    assertThat(config.epochsPerStep()).isEqualTo(4);
    assertThat(config.responsesPerPrompt()).isEqualTo(2);
    assertThat(config.optimizer())
        .isEqualTo(
            new OptimizerConfig(
                learningRate, 0.9, 0.95, 1e-8, 1e-6, 1, 0, OptimizerConfig.Schedule.CONSTANT, 0));
    assertThat(preset.steps()).isEqualTo(steps);
    assertThat(preset.maxNewTokens()).isEqualTo(128);
    assertThat(preset.stopTexts()).containsExactly("Human:", "Assistant:");
    for (P3OLoss.Form form : P3OLoss.Form.values()) {
      assertThat(preset.loss(form).form()).isEqualTo(form);
      assertThat(preset.loss(form).klShaping()).isEqualTo(KlShaping.current(0.05));
    }
  }

  @ParameterizedTest
  @EnumSource(Preset.class)
  void preset_breaksNoInvarianceAndTrains(Preset preset) {
    assertThat(preset.config().build().rewardShaping().breaking()).isEmpty();
    try (TabularPolicy policy = TabularPolicy.uniform(2, 3);
        P3OTrainer trainer =
            P3OTrainer.builder(policy, preset.loss(P3OLoss.Form.V2))
                .prompts(PromptSource.uniform(List.of(Prompt.of(0), Prompt.of(1))))
                .rewardModel(RewardModel.each((x, y) -> y.tokens().get(0)))
                .config(preset.config().build())
                .build()) {
      assertThatCode(trainer::step).doesNotThrowAnyException();
    }
  }
}
