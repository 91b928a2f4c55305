package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.internal.SharedData;
import io.github.p3o.transformer.DecoderConfig.Activation;
import io.github.p3o.transformer.DecoderConfig.Bias;
import io.github.p3o.transformer.DecoderConfig.Residual;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class DecoderConfigTest {

  private static final DecoderConfig SMALL =
      DecoderConfig.llama(
          100, 24, 48, 2, 6, 3, 128, 1e-5, 10_000, true, OptionalInt.of(1), OptionalInt.empty());

  @TempDir Path directory;

  @Test
  void read_ofStories260k_givesItsSizes() {
    assertThat(DecoderConfig.read(SharedData.require("stories260k")))
        .isEqualTo(
            DecoderConfig.llama(
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
    DecoderConfig config = DecoderConfig.read(SharedData.require("tiny/tiny-llama"));

    assertThat(config.headSize()).isEqualTo(8);
    assertThat(config.tiedEmbeddings()).isFalse();
  }

  @Test
  void read_ofTinyGpt2_givesItsParts() {
    DecoderConfig config = DecoderConfig.read(SharedData.require("tiny/tiny-gpt2"));

    assertThat(config.architecture()).isEqualTo(Architecture.GPT2);
    assertThat(config.intermediateSize()).isEqualTo(128);
    assertThat(config.rotary()).isEmpty();
    assertThat(config.activation()).isEqualTo(Activation.GELU_TANH);
    assertThat(config.biases()).containsExactlyInAnyOrder(Bias.values());
    assertThat(config.tiedEmbeddings()).isTrue();
  }

  @Test
  void read_ofTinyGptNeox_givesItsParts() {
    DecoderConfig config = DecoderConfig.read(SharedData.require("tiny/tiny-gpt-neox"));

    assertThat(config.architecture()).isEqualTo(Architecture.GPT_NEOX);
    assertThat(config.rotary()).contains(new DecoderConfig.Rotary(2, 10_000));
    assertThat(config.activation()).isEqualTo(Activation.GELU);
    assertThat(config.residual()).isEqualTo(Residual.PARALLEL);
    assertThat(config.tiedEmbeddings()).isFalse();
  }

  @Test
  void read_ofPythia_givesItsParts() throws IOException {
    DecoderConfig config =
        read(
            """
            "architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "eos_token_id": 0,
            "hidden_act": "gelu", "hidden_size": 512, "initializer_range": 0.02,
            "intermediate_size": 2048, "layer_norm_eps": 1e-05, "max_position_embeddings": 2048,
            "model_type": "gpt_neox", "num_attention_heads": 8, "num_hidden_layers": 6,
            "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": false,
            "torch_dtype": "float16", "transformers_version": "4.24.0", "use_cache": true,
            "use_parallel_residual": true, "vocab_size": 50304\
            """);

    assertThat(config.rotary()).contains(new DecoderConfig.Rotary(16, 10_000));
    assertThat(config.endTokens()).isEqualTo(ImmutableIntArray.of(0));
  }

  @Test
  void read_ofQwen_givesItsParts() throws IOException {
    DecoderConfig config =
        read(
            """
            "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0,
            "bos_token_id": 151643, "eos_token_id": 151643, "hidden_act": "silu",
            "hidden_size": 896, "initializer_range": 0.02, "intermediate_size": 4864,
            "max_position_embeddings": 32768, "max_window_layers": 24, "model_type": "qwen2",
            "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
            "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,
            "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true,
            "use_mrope": false, "use_sliding_window": false, "vocab_size": 151936\
            """);

    assertThat(config.biases()).containsExactly(Bias.QUERY_KEY_VALUE);
    assertThat(config.rotary()).contains(new DecoderConfig.Rotary(64, 1_000_000));
    assertThat(config.keyValueHeads()).isEqualTo(2);
  }

  @Test
  void read_ofSmolLm_givesItsParts() throws IOException {
    DecoderConfig config =
        read(
            """
            "architectures": ["LlamaForCausalLM"], "attention_bias": false,
            "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 0,
            "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664,
            "intermediate_size": 1536, "is_llama_config": true, "max_position_embeddings": 8192,
            "mlp_bias": false, "model_type": "llama", "num_attention_heads": 9,
            "num_hidden_layers": 30, "num_key_value_heads": 3, "pretraining_tp": 1,
            "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null,
            "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
            "transformers.js_config": {}, "transformers_version": "4.40.1", "use_cache": true,
            "vocab_size": 49152\
            """);

    assertThat(config.headSize()).isEqualTo(64);
    assertThat(config.tiedEmbeddings()).isTrue();
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void read_ofEveryArchitectureThatWasWritten_givesItBack(DecoderConfig config) {
    config.write(directory);
    assertThat(DecoderConfig.read(directory)).isEqualTo(config);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "gpt2 | scale_attn_by_inverse_layer_idx | true",
        "gpt2 | scale_attn_weights | false",
        "gpt2 | activation_function | \"relu\"",
        "gpt2 | n_ctx | 512",
        "gpt2 | add_cross_attention | true",
        "gpt2 | hidden_size | 768",
        "gpt_neox | hidden_act | \"silu\"",
        "gpt_neox | use_parallel_residual | 1",
        "gpt_neox | head_dim | 64",
        "qwen3 | use_sliding_window | true",
        "qwen3 | mlp_bias | true",
        "gpt_neox | rope_scaling | {\"type\": \"dynamic\", \"factor\": 2.0}",
        "qwen2 | use_sliding_window | true",
        "qwen2 | layer_types | [\"sliding_attention\"]",
        "qwen2 | attention_bias | false",
        "qwen2 | some_new_setting | 1",
        "llama | rope_interleaved | true",
        "llama | is_encoder_decoder | true"
      })
  void read_ofWhatAnArchitectureDoesNotSupport_namesTheSetting(
      String type, String key, String value) {
    assertThatThrownBy(() -> read("\"model_type\": \"" + type + "\", \"" + key + "\": " + value))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(directory.resolve("config.json") + ": " + key + ": expected ")
        .hasMessageContaining(", got ");
  }

  @Test
  void read_ofNothingButTheType_givesHuggingFacesDefaults() throws IOException {
    assertThat(read("\"model_type\": \"llama\""))
        .isEqualTo(
            DecoderConfig.llama(
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
    assertThat(DecoderConfig.read(checkpoint)).isEqualTo(SMALL);

    DecoderConfig other =
        DecoderConfig.llama(
            3, 2, 1, 1, 1, 1, 1, 1e-6, 500_000.5, false, OptionalInt.empty(), OptionalInt.of(2));
    other.write(checkpoint);
    assertThat(DecoderConfig.read(checkpoint)).isEqualTo(other);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"num_key_value_heads\": null",
        "\"head_dim\": 128",
        "\"head_dim\": null",
        "\"rope_scaling\": null",
        "\"rope_scaling\": {\"rope_type\": \"default\"}",
        "\"sliding_window\": 4096, \"use_sliding_window\": false",
        "\"is_decoder\": false, \"forced_eos_token_id\": null, \"cross_attention_hidden_size\":"
            + " null",
        "\"rope_theta\": 10000",
        "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0}",
        "\"rope_parameters\": null",
        "\"eos_token_id\": [2]",
        "\"eos_token_id\": [2, 2]",
        "\"hidden_act\": \"silu\"",
        "\"attention_dropout\": 0.0",
        "\"pretraining_tp\": 1",
        "\"use_cache\": true, \"transformers_version\": \"4.40.0\", \"pad_token_id\": null"
      })
  void read_ofASettingThatChangesNothing_givesTheDefaults(String setting) throws IOException {
    DecoderConfig defaults = read("\"model_type\": \"llama\"");

    assertThat(read("\"model_type\": \"llama\", " + setting)).isEqualTo(defaults);
  }

  @Test
  void read_ofRopeParameters_takesTheBaseFromThere() throws IOException {
    DecoderConfig config =
        read("\"model_type\": \"llama\", \"rope_parameters\": {\"rope_theta\": 500000}");

    assertThat(config.rotary()).contains(new DecoderConfig.Rotary(128, 500_000));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "attention_bias | 0",
        "mlp_bias | 1",
        "rope_scaling | {\"rope_type\": \"llama3\", \"factor\": 8.0}",
        "rope_scaling | {}",
        "rope_scaling | {\"type\": \"dynamic\", \"factor\": 2.0}",
        "rope_scaling | {\"rope_type\": \"default\", \"rope_theta\": 5e5}",
        "cross_attention_hidden_size | 64",
        "rope_parameters | {\"rope_type\": \"yarn\"}",
        "rope_parameters | {\"factor\": 8.0}",
        "hidden_act | \"gelu\"",
        "hidden_act | 1",
        "head_dim | \"128\"",
        "sliding_window | 4096",
        "use_sliding_window | true",
        "quantization_config | {\"bits\": 4}",
        "pretraining_tp | 2",
        "partial_rotary_factor | 0.5",
        "tie_word_embeddings | \"true\"",
        "bos_token_id | [1, 2]",
        "eos_token_id | [2, null]",
        "eos_token_id | [2, [3]]",
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
        "eos_token_id | 32000 | endTokens: expected an id in [0, 32000), got 32000"
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

  /** {@code generation_config.json} wins where it names one, as in Hugging Face's generate. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "5 | | 5",
        "[5, 7] | | 5, 7",
        "null | |",
        "5 | {} | 5",
        "5 | {\"eos_token_id\": null, \"top_p\": 0.8} | 5",
        "5 | {\"eos_token_id\": 6} | 6",
        "5 | {\"eos_token_id\": [9, 5], \"do_sample\": true} | 9, 5",
        "null | {\"eos_token_id\": [9, 5]} | 9, 5"
      })
  void read_ofEndTokens_takesGenerationConfigFirst(
      String ofModel, @Nullable String generation, @Nullable String expected) throws IOException {
    if (generation != null) {
      Files.writeString(directory.resolve(GenerationConfig.FILE), generation);
    }
    DecoderConfig config = read("\"model_type\": \"llama\", \"eos_token_id\": " + ofModel);
    assertThat(config.endTokens().asList().toString())
        .isEqualTo("[" + (expected == null ? "" : expected) + "]");

    config.write(directory);
    assertThat(DecoderConfig.read(directory)).isEqualTo(config);
    Path elsewhere = directory.resolve("elsewhere");
    config.write(elsewhere);
    assertThat(elsewhere.resolve(GenerationConfig.FILE)).doesNotExist();
    assertThat(DecoderConfig.read(elsewhere)).isEqualTo(config);
  }

  @Test
  void write_besideAGenerationConfig_changesItsEndTokensAlone() throws IOException {
    Path file = directory.resolve(GenerationConfig.FILE);
    Files.writeString(file, "{\"top_p\": 0.8, \"eos_token_id\": 7, \"do_sample\": true}");
    SMALL.write(directory);
    assertThat(new ObjectMapper().readTree(file.toFile()))
        .isEqualTo(
            new ObjectMapper()
                .readTree("{\"top_p\": 0.8, \"eos_token_id\": null, \"do_sample\": true}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "\"5\"", "[5,\"6\"]", "1.5", "99999999999"})
  void read_ofAGenerationConfigWithOtherThanIds_namesItsFile(String value) throws IOException {
    Path file = directory.resolve(GenerationConfig.FILE);
    Files.writeString(file, "{\"eos_token_id\": " + value + "}");
    assertThatThrownBy(() -> read("\"model_type\": \"llama\""))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": eos_token_id: expected an id or a list of ids, got " + value);
  }

  @Test
  void read_withoutAFile_throws() {
    assertThatThrownBy(() -> DecoderConfig.read(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(directory + ": directory: expected that of a Hugging Face")
        .hasMessageEndingWith(", got one without config.json");
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
                DecoderConfig.llama(
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

  private DecoderConfig read(String settings) throws IOException {
    Files.writeString(directory.resolve("config.json"), "{" + settings + "}");
    return DecoderConfig.read(directory);
  }
}
