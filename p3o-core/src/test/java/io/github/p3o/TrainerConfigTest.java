package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.OptimizerConfig.Schedule;
import io.github.p3o.TrainerConfig.RatioCheck;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainerConfigTest {

  private static final TrainerConfig DEFAULTS = TrainerConfig.builder().build();

  @TempDir private Path directory;

  private TrainerConfig read(String name, String text) throws IOException {
    return TrainerConfig.read(Files.writeString(directory.resolve(name), text));
  }

  @Test
  void build_nothingSet_hasTheDefaults() {
    assertThat(DEFAULTS)
        .isEqualTo(
            new TrainerConfig(
                0,
                64,
                2,
                4,
                64,
                64,
                OptimizerConfig.adamW(1e-4),
                RatioCheck.FAIL,
                RewardShaping.NONE,
                KlControl.fixed(),
                Double.POSITIVE_INFINITY,
                0));
  }

  @Test
  void build_everythingSet_hasEachValue() {
    OptimizerConfig optimizer = OptimizerConfig.adamW(0.25);
    TrainerConfig config =
        TrainerConfig.builder()
            .seed(-1)
            .promptsPerStep(12)
            .responsesPerPrompt(3)
            .epochsPerStep(2)
            .promptsPerUpdate(5)
            .promptsPerMicroBatch(4)
            .optimizer(optimizer)
            .ratioCheck(RatioCheck.OFF)
            .rewardShaping(RewardShaping.NONE.withMissingEndPenalty(2))
            .klControl(KlControl.adaptive(3, 500))
            .maxApproximateKl(0.5)
            .rolloutsAhead(2)
            .build();
    assertThat(config)
        .isEqualTo(
            new TrainerConfig(
                -1,
                12,
                3,
                2,
                5,
                4,
                optimizer,
                RatioCheck.OFF,
                RewardShaping.NONE.withMissingEndPenalty(2),
                KlControl.adaptive(3, 500),
                0.5,
                2));
  }

  static Stream<Arguments> outOfRange() {
    return Stream.of(
        Arguments.of(
            TrainerConfig.builder().promptsPerStep(0),
            "promptsPerStep: expected at least 1, got 0"),
        Arguments.of(
            TrainerConfig.builder().responsesPerPrompt(1),
            "responsesPerPrompt: expected at least 2, got 1"),
        Arguments.of(
            TrainerConfig.builder().epochsPerStep(0), "epochsPerStep: expected at least 1, got 0"),
        Arguments.of(
            TrainerConfig.builder().promptsPerUpdate(-1),
            "promptsPerUpdate: expected at least 1, got -1"),
        Arguments.of(
            TrainerConfig.builder().promptsPerStep(8).promptsPerUpdate(9),
            "promptsPerUpdate: expected at most promptsPerStep 8, got 9"),
        Arguments.of(
            TrainerConfig.builder().promptsPerMicroBatch(0),
            "promptsPerMicroBatch: expected at least 1, got 0"),
        Arguments.of(
            TrainerConfig.builder().responsesPerPrompt(4).promptsPerMicroBatch(Integer.MAX_VALUE),
            "promptsPerMicroBatch: expected at most 536870911, 2^31 responses at once, got"
                + " 2147483647"),
        Arguments.of(
            TrainerConfig.builder().maxApproximateKl(0),
            "maxApproximateKl: expected a number > 0, got 0.0"),
        Arguments.of(
            TrainerConfig.builder().rolloutsAhead(65), "rolloutsAhead: expected 0 to 64, got 65"),
        Arguments.of(
            TrainerConfig.builder().klControl(KlControl.adaptive(6, 25.6)),
            horizon("25.6", 128, "25.6")),
        Arguments.of(
            TrainerConfig.builder()
                .klControl(KlControl.adaptive(6, 10_000))
                .promptsPerStep(1 << 30)
                .responsesPerPrompt(4),
            horizon("8.589934592E8", 1L << 32, "10000.0")));
  }

  private static String horizon(String bound, long responses, String got) {
    return String.format(
        Locale.ROOT,
        "klControl.horizon: expected above %s, a fifth of the %d responses of a step"
            + " (promptsPerStep * responsesPerPrompt), since one step could set the KL coefficient"
            + " to 0 for good, got %s",
        bound,
        responses,
        got);
  }

  /** A fixed coefficient has no use for its horizon. */
  @Test
  void build_shortHorizonThatDoesNoHarm_isTaken() {
    TrainerConfig shortest =
        TrainerConfig.builder().klControl(KlControl.adaptive(6, Math.nextUp(25.6))).build();
    assertThat(shortest.klControl().factor(-1e9, 128)).isPositive();
    KlControl unused = new KlControl(KlControl.Mode.FIXED, 6, 1);
    assertThat(TrainerConfig.builder().klControl(unused).build().klControl()).isEqualTo(unused);
  }

  @ParameterizedTest
  @MethodSource("outOfRange")
  void build_valueOutOfRange_isRefusedByName(TrainerConfig.Builder builder, String message) {
    assertThatThrownBy(builder::build)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void read_yaml_takesWhatIsNamedAndKeepsTheDefaults() throws IOException {
    TrainerConfig config =
        read(
            "trainer.yaml",
            """
            # a comment
            seed: 7
            promptsPerStep: 32
            ratioCheck: OFF        # a word, not YAML's false
            optimizer:
              learningRate: 1e-3   # without a point
              maxGradientNorm: Infinity
              schedule: cosine
              totalUpdates: 100
            klControl:
              mode: adaptive
              target: 2.5
            """);
    assertThat(config)
        .isEqualTo(
            new TrainerConfig(
                7,
                32,
                2,
                4,
                32, // all of the step, as from the builder
                64,
                new OptimizerConfig(
                    1e-3, 0.9, 0.95, 1e-8, 1e-6, Double.POSITIVE_INFINITY, 0, Schedule.COSINE, 100),
                RatioCheck.OFF,
                RewardShaping.NONE,
                KlControl.adaptive(2.5, 10_000),
                Double.POSITIVE_INFINITY,
                0));
  }

  @Test
  void read_rewardShaping_takesWhatIsNamed() throws IOException {
    TrainerConfig config =
        read(
            "shaping.yaml",
            """
            rewardShaping:
              scale: pair_deviation
              missingEndPenalty: 1.5
              clip: 10
              allowBreakingInvariance: [CLIP]
            """);
    assertThat(config.rewardShaping())
        .isEqualTo(
            RewardShaping.NONE
                .withScale(RewardShaping.Scale.PAIR_DEVIATION)
                .withMissingEndPenalty(1.5)
                .withClip(10)
                .allowing(RewardShaping.Breaking.CLIP));
    assertThatThrownBy(() -> read("clip.yaml", "rewardShaping: {clip: 0}"))
        .hasMessageContaining("rewardShaping.clip: expected a number > 0, got 0.0");
    assertThatThrownBy(() -> read("allow.yaml", "rewardShaping: {allowBreakingInvariance: CLIP}"))
        .hasMessageContaining("rewardShaping.allowBreakingInvariance: expected a list");
    assertThatThrownBy(() -> read("name.yaml", "rewardShaping: {allowBreakingInvariance: [CLAP]}"))
        .hasMessageContaining("CLAP");
  }

  @Test
  void read_json_takesWhatIsNamedAndKeepsTheDefaults() throws IOException {
    TrainerConfig config =
        read(
            "trainer.json",
            """
            {
            \t"seed": 9007199254740993,
            \t"promptsPerUpdate": 16,
            \t"maxApproximateKl": 0.25,
            \t"optimizer": {"learningRate": 0.5, "weightDecay": 1E-2, "warmupUpdates": 3}
            }
            """);
    assertThat(config)
        .isEqualTo(
            new TrainerConfig(
                9007199254740993L,
                64,
                2,
                4,
                16,
                64,
                new OptimizerConfig(0.5, 0.9, 0.95, 1e-8, 1e-2, 1, 3, Schedule.CONSTANT, 0),
                RatioCheck.FAIL,
                RewardShaping.NONE,
                KlControl.fixed(),
                0.25,
                0));
  }

  @Test
  void builder_ofAFile_keepsTheDefaultsThatItDoesNotNameAndTakesWhatGoesOverIt()
      throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("over.yaml"),
            "seed: 5\nepochsPerStep: 2\noptimizer: {weightDecay: 0.5}\n");
    TrainerConfig.Builder defaults = TrainerConfig.builder().epochsPerStep(1).promptsPerStep(8);
    assertThat(
            TrainerConfig.builder(file, defaults)
                .optimizer(optimizer -> optimizer.withLearningRate(0.25))
                .build())
        .isEqualTo(
            TrainerConfig.builder()
                .seed(5)
                .epochsPerStep(2)
                .promptsPerStep(8)
                .optimizer(OptimizerConfig.adamW(0.25).withWeightDecay(0.5))
                .build());
    assertThat(defaults.build())
        .isEqualTo(TrainerConfig.builder().epochsPerStep(1).promptsPerStep(8).build());
  }

  /** Each is legal by what goes over it, and refused without. */
  @Test
  void builder_ofAFile_checksItWithWhatGoesOverIt() throws IOException {
    Path updates = Files.writeString(directory.resolve("u.yaml"), "promptsPerUpdate: 100\n");
    assertThatThrownBy(() -> TrainerConfig.read(updates))
        .hasMessage(updates + ": promptsPerUpdate: expected at most promptsPerStep 64, got 100");
    assertThat(
            TrainerConfig.builder(updates, TrainerConfig.builder())
                .promptsPerStep(128)
                .build()
                .promptsPerUpdate())
        .isEqualTo(100);
    Path horizon =
        Files.writeString(
            directory.resolve("h.yaml"), "klControl: {mode: adaptive, target: 1, horizon: 10}\n");
    assertThatThrownBy(() -> TrainerConfig.read(horizon))
        .hasMessageStartingWith(horizon + ": klControl.horizon: expected above 25.6");
    assertThat(
            TrainerConfig.builder(horizon, TrainerConfig.builder())
                .promptsPerStep(16)
                .build()
                .klControl())
        .isEqualTo(KlControl.adaptive(1, 10));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "# nothing but a comment\n", "---\n", "{}", "optimizer: {}"})
  void read_nothingSet_givesTheDefaults(String text) throws IOException {
    assertThat(read("empty.yaml", text)).isEqualTo(DEFAULTS);
  }

  static Stream<Arguments> refused() {
    return Stream.of(
        Arguments.of(
            "promptPerStep: 3",
            "unknown key promptPerStep; the nearest known one is promptsPerStep"),
        Arguments.of(
            "optimizer: {learning_rate: 3}",
            "unknown key optimizer.learning_rate; the nearest known one is optimizer.learningRate"),
        Arguments.of(
            "promptsPerStep: many",
            "promptsPerStep: expected a whole number below 2^31, got \"many\""),
        Arguments.of(
            "promptsPerStep: 1.5", "promptsPerStep: expected a whole number below 2^31, got 1.5"),
        Arguments.of(
            "promptsPerStep: '8'", "promptsPerStep: expected a whole number below 2^31, got \"8\""),
        Arguments.of(
            "promptsPerStep: 3000000000",
            "promptsPerStep: expected a whole number below 2^31, got 3000000000"),
        Arguments.of(
            "promptsPerStep:", "promptsPerStep: expected a whole number below 2^31, got null"),
        Arguments.of(
            "seed: 9223372036854775808",
            "seed: expected a whole number below 2^63, got 9223372036854775808"),
        Arguments.of("seed: true", "seed: expected a whole number below 2^63, got true"),
        Arguments.of(
            "optimizer: {learningRate: fast}",
            "optimizer.learningRate: expected a number, got \"fast\""),
        Arguments.of(
            "optimizer: {learningRate: [1]}", "optimizer.learningRate: expected a number, got [1]"),
        Arguments.of("optimizer: adam", "optimizer: expected keys and values, got \"adam\""),
        Arguments.of("optimizer:", "optimizer: expected keys and values, got null"),
        Arguments.of("ratioCheck: maybe", "ratioCheck: expected one of [FAIL, OFF], got maybe"),
        Arguments.of("ratioCheck: false", "ratioCheck: expected a word such as FAIL, got false"),
        Arguments.of(
            "optimizer: {schedule: square}",
            "optimizer.schedule: expected one of [CONSTANT, LINEAR, COSINE], got square"),
        Arguments.of("promptsPerStep: 0", "promptsPerStep: expected at least 1, got 0"),
        Arguments.of(
            "{promptsPerStep: 4, promptsPerUpdate: 5}",
            "promptsPerUpdate: expected at most promptsPerStep 4, got 5"),
        Arguments.of(
            "optimizer: {beta1: 1.0}", "optimizer.beta1: expected a number in [0, 1), got 1.0"),
        Arguments.of(
            "optimizer: {schedule: LINEAR}",
            "optimizer.totalUpdates: expected more than warmupUpdates 0 for schedule LINEAR, got"
                + " 0"),
        Arguments.of("- 1\n- 2", "expected keys and values, got [1,2]"),
        Arguments.of("hello", "expected keys and values, got \"hello\""),
        Arguments.of("seed: 1\nseed: 2", "Duplicate field 'seed'"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void read_whatDoesNotFit_isRefusedByFileAndKey(String text, String message) {
    assertThatThrownBy(() -> read("bad.yaml", text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(directory.resolve("bad.yaml") + ": " + message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"seed: [1", "{\"seed\": 1} x", "a: b: c", "\tseed: 1"})
  void read_brokenSyntax_isRefusedByFile(String text) {
    assertThatThrownBy(() -> read("broken.yaml", text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(directory.resolve("broken.yaml") + ": ");
  }

  @Test
  void read_fileThatIsNotThere_isNamed() {
    Path missing = directory.resolve("missing.yaml");
    assertThatThrownBy(() -> TrainerConfig.read(missing))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith(missing + ": expected a readable file of YAML or JSON, got ");
    assertThatThrownBy(() -> TrainerConfig.read(directory))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith(directory + ": expected a readable file of YAML or JSON, got ");
  }

  @Test
  void read_twoDocuments_isRefused() {
    assertThatThrownBy(() -> read("two.yaml", "seed: 1\n---\nseed: 2\n"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith("two.yaml: expected one document, got another behind it");
  }
}
