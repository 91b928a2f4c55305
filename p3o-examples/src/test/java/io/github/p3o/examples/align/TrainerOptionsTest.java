package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.KlControl;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.OptimizerConfig.Schedule;
import io.github.p3o.TrainerConfig;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.loss.Preset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

class TrainerOptionsTest {

  @TempDir private Path directory = Path.of("");

  private static TrainerConfig config(
      Objective objective, @Nullable Preset preset, String... arguments) {
    TrainerOptions options = CommandLine.populateCommand(new TrainerOptions(), arguments);
    return options.config(preset, objective.epochsPerStep(), null);
  }

  /** Their gradient is that of samples of the policy itself, as P3O's is by its ratios. */
  @ParameterizedTest
  @EnumSource
  void epochsPerStep_byDefault_areOneWithoutRatiosAndFourWithThem(Objective objective) {
    boolean withoutRatios = List.of("ppg", "vpg", "rloo").contains(objective.toString());
    int epochs = withoutRatios ? 1 : 4;
    assertThat(config(objective, null).epochsPerStep()).isEqualTo(epochs);
    assertThat(config(objective, Preset.SIZE_125M).epochsPerStep()).isEqualTo(epochs);
  }

  @Test
  void responsesPerPrompt_ofFileOrOption_areTaken() throws IOException {
    Path says = Files.writeString(directory.resolve("three.yaml"), "responsesPerPrompt: 3\n");
    assertThat(config(Objective.P3O_V2, null).responsesPerPrompt()).isEqualTo(2);
    assertThat(config(Objective.P3O_V2, null, "--config", says.toString()).responsesPerPrompt())
        .isEqualTo(3);
    assertThat(
            config(
                    Objective.P3O_V2,
                    null,
                    "--config",
                    says.toString(),
                    "--responses-per-prompt",
                    "4")
                .responsesPerPrompt())
        .isEqualTo(4);
  }

  @Test
  void epochsPerStep_ofFileOrOption_areTaken() throws IOException {
    Path says = Files.writeString(directory.resolve("says.yaml"), "epochsPerStep: 3\n");
    Path silent = Files.writeString(directory.resolve("silent.yaml"), "promptsPerStep: 8\n");
    assertThat(config(Objective.VPG, null, "--config", says.toString()).epochsPerStep())
        .isEqualTo(3);
    TrainerConfig config = config(Objective.VPG, null, "--config", silent.toString());
    assertThat(config.epochsPerStep()).isEqualTo(1);
    assertThat(config.promptsPerStep()).isEqualTo(8);
    assertThat(config(Objective.VPG, null, "--epochs-per-step", "2").epochsPerStep()).isEqualTo(2);
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  /** Alone each of them is refused; with the option it is legal. */
  @Test
  void config_thatBecomesLegalWithAnOption_isTaken() throws IOException {
    String updates = file("updates.yaml", "promptsPerUpdate: 100\n").toString();
    assertThatThrownBy(() -> config(Objective.P3O_V2, null, "--config", updates))
        .isInstanceOf(UsageException.class)
        .hasMessage(updates + ": promptsPerUpdate: expected at most promptsPerStep 64, got 100");
    TrainerConfig larger =
        config(Objective.P3O_V2, null, "--config", updates, "--prompts-per-step", "128");
    assertThat(larger.promptsPerUpdate()).isEqualTo(100);

    String horizon =
        file("kl.yaml", "klControl: {mode: adaptive, target: 1, horizon: 10}\n").toString();
    assertThatThrownBy(() -> config(Objective.P3O_V2, null, "--config", horizon))
        .hasMessageStartingWith(horizon + ": klControl.horizon: expected above 25.6");
    assertThat(
            config(Objective.P3O_V2, null, "--config", horizon, "--prompts-per-step", "16")
                .klControl())
        .isEqualTo(KlControl.adaptive(1, 10));
  }

  @Test
  void options_overAFile_changeWhatTheyNameAndNothingElse() throws IOException {
    String path =
        file(
                "optimizer.yaml",
                """
                seed: 3
                promptsPerUpdate: 16
                optimizer:
                  {learningRate: 0.5, beta2: 0.9, warmupUpdates: 4, schedule: linear,
                   totalUpdates: 50, weightDecay: 0.25, maxGradientNorm: 2}
                """)
            .toString();
    TrainerConfig.Builder expected = TrainerConfig.builder().seed(3).promptsPerUpdate(16);
    assertThat(config(Objective.P3O_V2, null, "--config", path))
        .isEqualTo(
            expected
                .optimizer(
                    new OptimizerConfig(0.5, 0.9, 0.9, 1e-8, 0.25, 2, 4, Schedule.LINEAR, 50))
                .build());
    assertThat(
            config(
                Objective.P3O_V2,
                null,
                "--config=" + path,
                "--learning-rate=0.125",
                "--max-gradient-norm=3",
                "--warmup-updates=7",
                "--weight-decay=0.75",
                "--micro-batch=8"))
        .isEqualTo(
            expected
                .promptsPerMicroBatch(8)
                .optimizer(
                    new OptimizerConfig(0.125, 0.9, 0.9, 1e-8, 0.75, 3, 7, Schedule.LINEAR, 50))
                .build());
  }

  @Test
  void promptsPerUpdate_thatNobodySays_areAllOfTheStep() {
    assertThat(config(Objective.P3O_V2, null, "--prompts-per-step", "8").promptsPerUpdate())
        .isEqualTo(8);
  }
}
