package io.github.p3o.transformer;

import static io.github.p3o.transformer.TinyModels.PROMPTS;
import static io.github.p3o.transformer.TinyModels.logProbs;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Samples;
import io.github.p3o.internal.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

class LoraTest {

  @TempDir Path directory;

  /** Every product of a layer is adapted. */
  static LoraConfig everywhere(DecoderConfig config) {
    ImmutableSet.Builder<String> names = ImmutableSet.builder();
    DecoderTensors.of(config).layers().get(0).linears().forEach(l -> names.add(l.lastName()));
    return new LoraConfig(3, 5, names.build());
  }

  /** An adapter far from nothing. */
  private static TransformerPolicy adapted(TransformerPolicy base) {
    TransformerPolicy policy = base.withAdapter(everywhere(base.config()), 1);
    TinyModels.scatter(policy.parameters());
    return policy;
  }

  /** The vector of the weights that lie under an adapter. */
  static INDArray weights(TransformerPolicy adapted) {
    return Objects.requireNonNull(adapted.model().fixed()).vector();
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void withAdapter_atTheStart_isExactlyTheBase(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withAdapter(everywhere(config), 1)) {
      assertThat(logProbs(policy)).isEqualTo(logProbs(base));
      assertThat(policy.greedy(PROMPTS, 9)).isEqualTo(base.greedy(PROMPTS, 9));
      assertThat(policy.parameters().count()).isLessThan(base.parameters().count());
      assertThat(policy.adapter()).contains(everywhere(config));
      assertThat(base.adapter()).isEmpty();
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void merged_ofATrainedAdapter_givesTheSameNumbers(DecoderConfig config) {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      double tolerance = type == DataType.FLOAT ? 1e-4 : 1e-10;
      try (TransformerPolicy base = TinyModels.policy(config, type);
          TransformerPolicy policy = adapted(base);
          TransformerPolicy merged = policy.merged()) {
        assertThat(logProbs(policy)[0]).isNotCloseTo(logProbs(base)[0], within(1e-2));
        assertThat(logProbs(merged)).containsExactly(logProbs(policy), within(tolerance / 10));
        Samples samples = policy.sampler(9).sample(PROMPTS, 2, new SplittableRandom(1));
        try (PolicyScorer scorer = new PolicyScorer(policy, 16)) {
          assertThat(samples.behaviour().values().toArray())
              .containsExactly(
                  scorer.logProbs(samples.promptOfEach(), samples.responses()), within(tolerance));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void withoutAdapter_ofAnAdaptedPolicy_isTheBaseInTheSameMemory(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT)) {
      double[] before = logProbs(base);
      try (TransformerPolicy policy = adapted(base);
          TransformerPolicy reference = policy.withoutAdapter();
          TransformerPolicy frozen = policy.frozenCopy()) {
        assertThat(logProbs(reference)).isEqualTo(before);
        assertThat(reference.parameters().vector()).isSameAs(base.parameters().vector());
        policy
            .frozenParameters()
            .forEach((name, array) -> assertThat(array).isSameAs(reference.parameters().get(name)));
        assertThat(weights(frozen)).isSameAs(base.parameters().vector());

        policy.parameters().update(vector -> vector.addi(0.1));
        assertThat(reference.parameters().vector()).isSameAs(base.parameters().vector());
        assertThat(logProbs(reference)).isEqualTo(before);
        assertThat(logProbs(frozen)).isNotEqualTo(logProbs(policy));
      }
      assertThat(logProbs(base)).isEqualTo(before); // it was not closed with the others
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void loadAdapter_ofWhatWasSaved_isTheSameToTheByte(DecoderConfig config) {
    Path again = directory.resolve("again");
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = adapted(base)) {
      policy.saveAdapter(directory);
      try (TransformerPolicy loaded = base.loadAdapter(directory)) {
        assertThat(loaded.adapter()).isEqualTo(policy.adapter());
        assertThat(logProbs(loaded)).isEqualTo(logProbs(policy));
        loaded.saveAdapter(again);
      }
    }
    for (String file : ImmutableList.of(LoraFiles.CONFIG, LoraFiles.TENSORS)) {
      assertThat(again.resolve(file)).hasSameBinaryContentAs(directory.resolve(file));
    }
  }

  @Test
  void saveAdapter_ofGpt2WithBareNames_writesPeftsNames() {
    try (TransformerPolicy base =
            TransformerPolicy.load(SharedData.require("tiny/tiny-gpt2"), DataType.FLOAT);
        TransformerPolicy policy = base.withAdapter(LoraConfig.of(Architecture.GPT2, 4), 1)) {
      policy.saveAdapter(directory);
    }
    try (SafeTensors tensors = SafeTensors.open(directory.resolve(LoraFiles.TENSORS))) {
      assertThat(tensors.names())
          .contains(
              "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight",
              "base_model.model.transformer.h.1.attn.c_attn.lora_B.weight");
      assertThat(tensors.shape("base_model.model.transformer.h.0.attn.c_attn.lora_A.weight"))
          .hasToString("[4, 32]");
      assertThat(tensors.shape("base_model.model.transformer.h.0.attn.c_attn.lora_B.weight"))
          .hasToString("[96, 4]");
    }
  }

  /** Key by key what PEFT's own save_pretrained writes, but for those that are at its defaults. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void saveAdapter_ofAnyModel_writesPeftsKeys(DecoderConfig config) throws IOException {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withAdapter(LoraConfig.of(config.architecture(), 4), 1)) {
      policy.saveAdapter(directory);
    }
    String targets =
        switch (config.architecture()) {
          case GPT2 -> "[\"c_attn\"]";
          case GPT_NEOX -> "[\"query_key_value\"]";
          case LLAMA, QWEN2, QWEN3 -> "[\"q_proj\", \"v_proj\"]";
        };
    assertThat(new ObjectMapper().readTree(directory.resolve(LoraFiles.CONFIG).toFile()))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"base_model_name_or_path": null, "bias": "none", "fan_in_fan_out": %s,
                     "inference_mode": true, "init_lora_weights": true, "lora_alpha": 8,
                     "lora_dropout": 0.0, "modules_to_save": null, "peft_type": "LORA", "r": 4,
                     "target_modules": %s, "task_type": "CAUSAL_LM"}
                    """
                        .formatted(config.architecture() == Architecture.GPT2, targets)));
  }

  /** Every key that PEFT 0.19.1 writes. */
  @Test
  void loadAdapter_ofPeftsOwnKeys_readsThem() throws IOException {
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerPolicy policy = base.withAdapter(LoraConfig.of(Architecture.LLAMA, 8), 1)) {
      policy.saveAdapter(directory);
      Files.writeString(
          directory.resolve(LoraFiles.CONFIG),
          """
          {"alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null,
           "auto_mapping": null, "base_model_name_or_path": null, "bias": "none",
           "corda_config": null, "ensure_weight_tying": false, "eva_config": null,
           "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
           "init_lora_weights": true, "layer_replication": null, "layers_pattern": null,
           "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 16,
           "lora_bias": false, "lora_dropout": 0.05, "lora_ga_config": null,
           "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
           "peft_type": "LORA", "peft_version": "0.19.1", "qalora_group_size": 16, "r": 8,
           "rank_pattern": {}, "revision": null, "target_modules": ["v_proj", "q_proj"],
           "target_parameters": null, "task_type": "CAUSAL_LM",
           "trainable_token_indices": null, "use_bdlora": null, "use_dora": false,
           "use_qalora": false, "use_rslora": false}
          """);
      try (TransformerPolicy loaded = base.loadAdapter(directory)) {
        assertThat(loaded.adapter()).isEqualTo(policy.adapter());
        assertThat(logProbs(loaded)).isEqualTo(logProbs(policy));
      }
    }
  }

  @Test
  void save_ofAnAdaptedPolicy_writesTheMergedModel() {
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerPolicy policy = adapted(base)) {
      policy.save(directory);
      try (TransformerPolicy loaded = TransformerPolicy.load(directory);
          TransformerPolicy merged = policy.merged()) {
        assertThat(loaded.parameters().vector()).isEqualTo(merged.parameters().vector());
      }
      try (TransformerRewardModel model = TransformerRewardModel.fromPolicy(policy);
          TransformerPolicy merged = policy.merged();
          TransformerRewardModel ofMerged = TransformerRewardModel.fromPolicy(merged)) {
        assertThat(model.parameters().vector()).isEqualTo(ofMerged.parameters().vector());
      }
    }
  }

  /** The definition, W + α/r · B A, in plain Java. */
  @Test
  void merged_ofOneProduct_isTheDefinition() {
    LoraConfig config = new LoraConfig(2, 3, ImmutableSet.of("down_proj"));
    String module = "model.layers.1.mlp.down_proj";
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        TransformerPolicy policy = base.withAdapter(config, 1)) {
      TinyModels.scatter(policy.parameters());
      INDArray w = base.parameters().get(module + ".weight");
      INDArray a = policy.parameters().get("base_model.model." + module + ".lora_A.weight");
      INDArray b = policy.parameters().get("base_model.model." + module + ".lora_B.weight");
      try (TransformerPolicy merged = policy.merged()) {
        INDArray sum = merged.parameters().get(module + ".weight");
        for (int row = 0; row < w.rows(); row++) {
          for (int column = 0; column < w.columns(); column++) {
            double low = 0;
            for (int i = 0; i < 2; i++) {
              low += b.getDouble(row, i) * a.getDouble(i, column);
            }
            assertThat(sum.getDouble(row, column))
                .isCloseTo(w.getDouble(row, column) + 1.5 * low, within(1e-12));
          }
        }
        assertThat(merged.parameters().get("model.layers.0.mlp.up_proj.weight"))
            .isEqualTo(base.parameters().get("model.layers.0.mlp.up_proj.weight"));
      }
    }
  }

  @Test
  void withAdapter_ofAnUnknownTarget_isRefusedByName() {
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> base.withAdapter(new LoraConfig(1, 1, ImmutableSet.of("q_proj", "qkv")), 1))
          .withMessage(
              "targetModules: expected names among [q_proj, k_proj, v_proj, o_proj, gate_proj,"
                  + " up_proj, down_proj], got qkv");
      try (TransformerPolicy policy = adapted(base)) {
        assertThatIllegalStateException()
            .isThrownBy(() -> policy.withAdapter(everywhere(base.config()), 1))
            .withMessageStartingWith("adapter: expected none yet");
      }
      assertThatIllegalStateException().isThrownBy(base::merged);
      assertThatIllegalStateException().isThrownBy(base::withoutAdapter);
      assertThatIllegalStateException().isThrownBy(() -> base.saveAdapter(directory));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, 'rank: expected at least 1, got 0'",
    "1, 0, 'alpha: expected > 0 and finite, got 0.0'"
  })
  void new_withImpossibleNumbers_isRefused(int rank, double alpha, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LoraConfig(rank, alpha, ImmutableSet.of("q_proj")))
        .withMessage(message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"use_dora\": true",
        "\"use_rslora\": true",
        "\"modules_to_save\": [\"lm_head\"]",
        "\"rank_pattern\": {\"q_proj\": 4}",
        "\"layers_to_transform\": [0]",
        "\"some_new_method\": \"x\"",
        "\"bias\": \"all\"",
        "\"init_lora_weights\": \"pissa\"",
        "\"peft_type\": \"IA3\"",
        "\"target_modules\": \".*proj\"",
        "\"target_modules\": [\"lm_head\"]",
        "\"target_modules\": []",
        "\"r\": 0",
        "\"r\": \"8\"",
        "\"lora_alpha\": -1"
      })
  void loadAdapter_ofWhatIsNotSupported_namesTheSetting(String setting) throws IOException {
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      ImmutableMap.Builder<String, String> json = ImmutableMap.builder();
      json.put("peft_type", "\"LORA\"").put("r", "2").put("lora_alpha", "4");
      json.put("target_modules", "[\"q_proj\"]");
      String key = setting.substring(1, setting.indexOf('"', 1));
      json.put(key, setting.substring(setting.indexOf(": ") + 2));
      StringBuilder text = new StringBuilder("{");
      json.buildKeepingLast().forEach((k, v) -> text.append("\"" + k + "\": " + v + ","));
      text.setCharAt(text.length() - 1, '}');
      Files.writeString(directory.resolve(LoraFiles.CONFIG), text);
      assertThatThrownBy(() -> base.loadAdapter(directory))
          .isInstanceOf(CheckpointException.class)
          .message()
          .contains(LoraFiles.CONFIG)
          .matches("(?s).*(" + key + "|rank|alpha|targetModules).*: expected .*, got .*");
    }
  }

  @Test
  void loadAdapter_ofAnotherModelsTensors_namesTheTensor() {
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerPolicy other =
            TinyModels.policy(TinyModels.config(4, 2, 2, false), DataType.FLOAT);
        TransformerPolicy policy = adapted(other)) {
      policy.saveAdapter(directory);
      assertThatThrownBy(() -> base.loadAdapter(directory))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(".shape: expected [");
    }
  }

  @Test
  void targets_byTheEndOfAName_areThose() {
    LoraConfig config = new LoraConfig(1, 1, ImmutableSet.of("attn.c_proj"));
    assertThat(config.targets("transformer.h.0.attn.c_proj")).isTrue();
    assertThat(config.targets("transformer.h.0.mlp.c_proj")).isFalse();
    assertThat(config.targets("transformer.h.0.xattn.c_proj")).isFalse();
  }
}
