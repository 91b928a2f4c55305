package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.internal.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LlamaConfigTest {

  private static final LlamaConfig SMALL =
      new LlamaConfig(
          100, 24, 48, 2, 6, 3, 128, 1e-5, 10_000, true, OptionalInt.of(1), OptionalInt.empty());

  @TempDir Path directory;

  @Test
  void read_ofStories260k_givesItsSizes() {
    assertThat(LlamaConfig.read(SharedData.require("stories260k")))
        .isEqualTo(
            new LlamaConfig(
                512,
                64,
                172,
                5,
                8,
                4,
                512,
                1e-5,
                10_000,
                true,
                OptionalInt.of(1),
                OptionalInt.of(2)));
  }

  @Test
  void read_ofTinyLlama_givesItsSizes() {
    LlamaConfig config = LlamaConfig.read(SharedData.require("tiny/tiny-llama"));

    assertThat(config.headSize()).isEqualTo(8);
    assertThat(config.tiedEmbeddings()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny/tiny-gpt2", "tiny/tiny-gpt-neox"})
  void read_ofAnotherModel_throws(String checkpoint) {
    Path other = SharedData.require(checkpoint);

    assertThatThrownBy(() -> LlamaConfig.read(other))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model_type: expected \"llama\", got \"gpt");
  }

  @Test
  void read_ofNothingButTheType_givesHuggingFacesDefaults() throws IOException {
    assertThat(read("\"model_type\": \"llama\""))
        .isEqualTo(
            new LlamaConfig(
                32_000,
                4096,
                11_008,
                32,
                32,
                32,
                2048,
                1e-6,
                10_000,
                false,
                OptionalInt.of(1),
                OptionalInt.of(2)));
  }

  @Test
  void read_ofWhatWasWritten_givesItBack() {
    Path checkpoint = directory.resolve("made").resolve("here");

    SMALL.write(checkpoint);
    assertThat(LlamaConfig.read(checkpoint)).isEqualTo(SMALL);

    LlamaConfig other =
        new LlamaConfig(
            3, 2, 1, 1, 1, 1, 1, 1e-6, 500_000.5, false, OptionalInt.empty(), OptionalInt.of(2));
    other.write(checkpoint);
    assertThat(LlamaConfig.read(checkpoint)).isEqualTo(other);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"num_key_value_heads\": null",
        "\"head_dim\": 128",
        "\"head_dim\": null",
        "\"rope_scaling\": null",
        "\"rope_theta\": 10000",
        "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0}",
        "\"rope_parameters\": null",
        "\"eos_token_id\": [2]",
        "\"hidden_act\": \"silu\"",
        "\"attention_dropout\": 0.0",
        "\"pretraining_tp\": 1",
        "\"use_cache\": true, \"transformers_version\": \"4.40.0\", \"pad_token_id\": null"
      })
  void read_ofASettingThatChangesNothing_givesTheDefaults(String setting) throws IOException {
    LlamaConfig defaults = read("\"model_type\": \"llama\"");

    assertThat(read("\"model_type\": \"llama\", " + setting)).isEqualTo(defaults);
  }

  @Test
  void read_ofRopeParameters_takesTheBaseFromThere() throws IOException {
    LlamaConfig config =
        read("\"model_type\": \"llama\", \"rope_parameters\": {\"rope_theta\": 500000}");

    assertThat(config.ropeTheta()).isEqualTo(500_000);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "attention_bias | true",
        "attention_bias | 0",
        "mlp_bias | true",
        "rope_scaling | {\"rope_type\": \"llama3\", \"factor\": 8.0}",
        "rope_scaling | {}",
        "rope_parameters | {\"rope_type\": \"yarn\"}",
        "rope_parameters | {\"factor\": 8.0}",
        "hidden_act | \"gelu\"",
        "hidden_act | 1",
        "head_dim | 64",
        "head_dim | \"128\"",
        "sliding_window | 4096",
        "use_sliding_window | true",
        "quantization_config | {\"bits\": 4}",
        "attention_dropout | 0.1",
        "pretraining_tp | 2",
        "partial_rotary_factor | 0.5",
        "tie_word_embeddings | \"true\"",
        "eos_token_id | [2, 3]",
        "eos_token_id | []",
        "eos_token_id | \"2\"",
        "bos_token_id | 1.5",
        "vocab_size | \"512\"",
        "vocab_size | 32000.0",
        "vocab_size | null",
        "hidden_size | 99999999999",
        "rms_norm_eps | \"1e-5\"",
        "rope_theta | [10000]"
      })
  void read_ofWhatIsNotSupported_namesTheSetting(String key, String value) throws IOException {
    assertThatThrownBy(() -> read("\"model_type\": \"llama\", \"" + key + "\": " + value))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(directory.resolve("config.json") + ": " + key + ": expected ")
        .hasMessageContaining(", got ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "vocab_size | 0 | vocabularySize: expected at least 1, got 0",
        "num_key_value_heads | 5 | keyValueHeads: expected a divisor of 32 heads, got 5",
        "rope_theta | 1e400 | ropeTheta: expected > 0 and finite, got Infinity",
        "eos_token_id | 32000 | endToken: expected an id in [0, 32000), got 32000"
      })
  void read_ofSizesThatCannotBe_namesTheRule(String key, String value, String message)
      throws IOException {
    assertThatThrownBy(() -> read("\"model_type\": \"llama\", \"" + key + "\": " + value))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(directory.resolve("config.json") + ": " + message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\"model_type\": \"mistral\"",
        "\"model_type\": 1",
        "}{",
        "\"a\": 1, \"a\": 1"
      })
  void read_ofAnythingElse_throws(String json) {
    assertThatThrownBy(() -> read(json)).isInstanceOf(CheckpointException.class);
  }

  @Test
  void read_withoutAFile_throws() {
    assertThatThrownBy(() -> LlamaConfig.read(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(directory.resolve("config.json") + ": ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0, 24, 48, 2, 6, 3, 128 | vocabularySize: expected at least 1, got 0",
        "100, 0, 48, 2, 6, 3, 128 | hiddenSize: expected at least 1, got 0",
        "100, 24, -1, 2, 6, 3, 128 | intermediateSize: expected at least 1, got -1",
        "100, 24, 48, 0, 6, 3, 128 | layers: expected at least 1, got 0",
        "100, 24, 48, 2, 0, 3, 128 | heads: expected at least 1, got 0",
        "100, 24, 48, 2, 6, 0, 128 | keyValueHeads: expected at least 1, got 0",
        "100, 24, 48, 2, 6, 3, 0 | maxPositions: expected at least 1, got 0",
        "100, 25, 48, 2, 5, 5, 128 | hiddenSize: expected a multiple of 2 · 5 heads, got 25",
        "100, 24, 48, 2, 6, 4, 128 | keyValueHeads: expected a divisor of 6 heads, got 4"
      })
  void new_withSizesThatCannotBe_throws(String sizes, String message) {
    int[] n = Arrays.stream(sizes.split(", ", -1)).mapToInt(Integer::parseInt).toArray();

    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                new LlamaConfig(
                    n[0],
                    n[1],
                    n[2],
                    n[3],
                    n[4],
                    n[5],
                    n[6],
                    1e-5,
                    1e4,
                    true,
                    OptionalInt.empty(),
                    OptionalInt.empty()))
        .withMessage(message);
  }

  private LlamaConfig read(String settings) throws IOException {
    Files.writeString(directory.resolve("config.json"), "{" + settings + "}");
    return LlamaConfig.read(directory);
  }
}
