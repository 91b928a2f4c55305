package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.Lists;
import io.github.p3o.examples.Cli;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code p3o align} by every objective and by the author's presets. */
class ObjectivesTest {

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");

  @BeforeAll
  static void makesAModel() throws IOException {
    model = Cli.tinyModel(directory);
  }

  private static Cli align(String more, Object... values) {
    return Cli.run(
        "align --policy %s --reward sentiment --prompt ab --steps 1 --evaluation-prompts 2"
            + " --max-new-tokens 6 "
            + more,
        Lists.asList(model, values).toArray());
  }

  @ParameterizedTest
  @EnumSource(Objective.class)
  void align_byEachObjective_isNamedByIt(Objective objective) {
    assertThat(objective.learner().name()).isEqualTo(objective.toString());
    Path out = directory.resolve(objective.toString());
    Cli align =
        align(
            "--loss %s --prompts-per-step 4 --epochs-per-step 1 --kl-coefficient 0.2 --out %s",
            objective, out);

    align.succeeds();
    assertThat(align.out()).contains("before", objective.toString());
    assertThat(out.resolve("metrics.jsonl")).content().contains("\"loss/policy_avg\"");
  }

  @Test
  void align_byAPreset_hasTheAuthorsSettingsButWhatIsGiven() throws IOException {
    Path out = directory.resolve("preset");
    align("--preset 125m --epochs-per-step 1 --learning-rate 1e-3 --out %s", out).succeeds();

    JsonNode run = new ObjectMapper().readTree(out.resolve("run.json").toFile());
    JsonNode trainer = run.path("trainer");
    assertThat(trainer.path("promptsPerStep").asInt()).isEqualTo(128);
    assertThat(trainer.path("promptsPerUpdate").asInt()).isEqualTo(16);
    assertThat(trainer.path("epochsPerStep").asInt()).isEqualTo(1);
    assertThat(trainer.path("optimizer").path("learningRate").asDouble()).isEqualTo(1e-3);
    assertThat(trainer.path("rewardShaping").path("scale").asText()).isEqualTo("PAIR_DEVIATION");
    assertThat(run.path("options").path("--preset").asText()).isEqualTo("125m");
    assertThat(out.resolve("metrics.jsonl")).content().contains("\"shaping/scale\"");
  }

  @Test
  void constants_ofAnotherObjective_areRefused() {
    align("--loss vpg --weight-clip 3")
        .failsWith(2, "--weight-clip: expected with an objective that has it, got 3.0 with vpg");
    align("--loss ppg --clip-range 0.1").failsWith(2, "--clip-range", "ppg");
    align("--loss p4o").failsWith(2, "p4o", "p3o-v1", "ppo-sequence");
    align("--preset 125m --config x.yaml").failsWith(2, "--preset, --config", "got both");
    align("--preset 2b").failsWith(2, "2b", "125m");
  }
}
