package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Samples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Scaled rotary positions. The checkpoint is one that transformers 5.18.0 wrote; the numbers are
 * those of golden/golden_llama3.py, which computes them in float64 with numpy and compares them
 * with transformers' own.
 */
class RotaryScalingTest {

  private static final String LLAMA3 =
      """
      "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64}, "rope_theta": 100.0\
      """;
  private static final String LINEAR =
      """
      "rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 100.0\
      """;

  @TempDir Path directory;

  private static Path checkpoint() {
    return GoldenLogProbs.checkpoint("llama3");
  }

  /** The checkpoint with other words for the scaling. */
  private Path checkpointWith(String scaling) throws IOException {
    String config = Files.readString(checkpoint().resolve("config.json"));
    String other = config.replaceFirst("(?s)\"rope_parameters\": \\{.*?}", scaling);
    assertThat(other).isNotEqualTo(config);
    Files.writeString(directory.resolve("config.json"), other);
    Path weights = directory.resolve("model.safetensors");
    if (Files.notExists(weights)) {
      Files.copy(checkpoint().resolve("model.safetensors"), weights);
    }
    return directory;
  }

  @ParameterizedTest
  @CsvSource({"FLOAT, 1e-4", "DOUBLE, 1e-9"})
  void logProbs_ofEveryPrefix_equalAnIndependentImplementation(DataType type, double tolerance)
      throws IOException {
    Path expected = checkpoint().resolve("expected.json");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint(), type)) {
      GoldenLogProbs.check(policy, expected, "next_token_logprobs", tolerance);
    }
    try (TransformerPolicy policy = TransformerPolicy.load(checkpointWith(LINEAR), type)) {
      GoldenLogProbs.check(policy, expected, "next_token_logprobs_linear", tolerance);
    }
  }

  /** The sampler has tables of its own. */
  @ParameterizedTest
  @CsvSource({"FLOAT, 1e-4", "DOUBLE, 1e-10"})
  void sampler_recordsWhatTheGraphScores(DataType type, double tolerance) {
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint(), type);
        PolicyScorer scorer = new PolicyScorer(policy, 8)) {
      ImmutableList<Prompt> prompts = ImmutableList.of(Prompt.of(1, 5), Prompt.of(7, 3, 4));
      Samples drawn = policy.sampler(80).sample(prompts, 2, new SplittableRandom(3));
      assertThat(drawn.behaviour().values().toArray())
          .containsExactly(
              scorer.logProbs(drawn.promptOfEach(), drawn.responses()), within(tolerance));
    }
  }

  @Test
  void config_ofEachSpelling_isReadAndWrittenAndReadAgain() throws IOException {
    DecoderConfig newer = DecoderConfig.read(checkpoint());
    assertThat(newer.rotary().orElseThrow())
        .isEqualTo(new DecoderConfig.Rotary(8, 100, new RotaryScaling.Llama3(8, 1, 4, 64)));
    assertThat(DecoderConfig.read(checkpointWith(LLAMA3))).isEqualTo(newer);
    DecoderConfig linear = DecoderConfig.read(checkpointWith(LINEAR));
    assertThat(linear.rotary().orElseThrow().scaling()).isEqualTo(new RotaryScaling.Linear(4));
    for (DecoderConfig config : ImmutableList.of(newer, linear)) {
      Path again = directory.resolve("again");
      config.write(again);
      assertThat(DecoderConfig.read(again)).isEqualTo(config);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"rope_type\": \"llama3\", \"factor\": 8.0} | of type default, linear or llama3, with"
            + " the",
        "{\"rope_type\": \"yarn\", \"factor\": 4.0} | of type default, linear or llama3, with the",
        "{\"rope_type\": \"dynamic\", \"factor\": 4.0} | of type default, linear or llama3, with",
        "{\"type\": \"linear\", \"factor\": 2, \"beta\": 1} | of type default, linear or llama3,",
        "{\"type\": \"linear\", \"factor\": null} | of type default, linear or llama3, with the",
        "{\"type\": \"linear\"} | of type default, linear or llama3, with the keys of that, got",
      })
  void config_ofAnotherScaling_isRefusedByName(String scaling, String rule) {
    assertThatThrownBy(() -> DecoderConfig.read(checkpointWith("\"rope_scaling\": " + scaling)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("config.json: rope_scaling: expected " + rule);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0 | 1 | 4 | 64 | factor: expected > 0 and finite, got 0.0",
        "8 | 0 | 4 | 64 | low_freq_factor: expected > 0, got 0.0",
        "8 | 4 | 4 | 64 | high_freq_factor: expected finite and above low_freq_factor, 4.0, got"
            + " 4.0",
        "8 | 1 | 4 | 0 | original_max_position_embeddings: expected at least 1, got 0"
      })
  void config_ofNumbersThatCannotBe_isRefusedByName(
      double factor, double low, double high, int original, String rule) {
    String scaling =
        """
        "rope_scaling": {"rope_type": "llama3", "factor": %s, "low_freq_factor": %s,
          "high_freq_factor": %s, "original_max_position_embeddings": %s}\
        """
            .formatted(factor, low, high, original);
    assertThatThrownBy(() -> DecoderConfig.read(checkpointWith(scaling)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("config.json: rope_scaling: " + rule);
  }

  /** Between the frequency itself and that divided by the factor, and the higher the higher. */
  @Property(tries = 200)
  void scaled_byLlama3_keepsTheOrderOfFrequencies(
      @ForAll @DoubleRange(max = 20) double exponent,
      @ForAll @DoubleRange(min = 1, max = 64) double factor) {
    RotaryScaling scaling = new RotaryScaling.Llama3(factor, 1, 4, 8192);
    double frequency = Math.exp(-exponent);
    double scaled = scaling.scaled(frequency);
    assertThat(scaled)
        .isBetween(frequency / factor * (1 - 1e-12), frequency * (1 + 1e-12))
        .isLessThanOrEqualTo(scaling.scaled(frequency * 1.01) * (1 + 1e-12));
    double turns = 8192 * frequency / (2 * Math.PI);
    if (turns >= 4) {
      assertThat(scaled).isEqualTo(frequency);
    } else if (turns <= 1) {
      assertThat(scaled).isEqualTo(frequency / factor);
    }
  }
}
