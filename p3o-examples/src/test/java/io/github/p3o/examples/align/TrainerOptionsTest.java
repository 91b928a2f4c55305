package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.TrainerConfig;
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
}
