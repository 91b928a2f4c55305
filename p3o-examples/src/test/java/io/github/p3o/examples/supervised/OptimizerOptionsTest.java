package io.github.p3o.examples.supervised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.OptimizerConfig;
import io.github.p3o.OptimizerConfig.Schedule;
import io.github.p3o.examples.run.UsageException;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class OptimizerOptionsTest {

  private static OptimizerConfig config(int steps, String... arguments) {
    return CommandLine.populateCommand(new OptimizerOptions(), arguments).config(steps);
  }

  @Test
  void config_byDefault_warmsUpForATenthOfTheStepsAndAtMostTwenty() {
    assertThat(config(50)).isEqualTo(OptimizerConfig.adamW(1e-3).withCosine(5, 51));
    assertThat(config(500)).isEqualTo(OptimizerConfig.adamW(1e-3).withCosine(20, 501));
    assertThat(config(5)).isEqualTo(OptimizerConfig.adamW(1e-3).withCosine(0, 6));
  }

  @Test
  void config_ofOptions_isWhatTheySay() {
    assertThat(
            config(
                40,
                "--learning-rate=0.5",
                "--warmup-updates=40",
                "--weight-decay=0.25",
                "--max-gradient-norm=2"))
        .isEqualTo(new OptimizerConfig(0.5, 0.9, 0.95, 1e-8, 0.25, 2, 40, Schedule.COSINE, 41));
  }

  @Test
  void warmup_ofMoreUpdatesThanThereAre_isRefused() {
    assertThatThrownBy(() -> config(40, "--warmup-updates=41"))
        .isInstanceOf(UsageException.class)
        .hasMessage("--warmup-updates: expected at most the 40 steps, got 41");
  }
}
