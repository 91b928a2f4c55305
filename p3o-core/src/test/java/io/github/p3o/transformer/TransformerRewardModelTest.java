package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Ints;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.Result;
import io.github.p3o.internal.SharedData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class TransformerRewardModelTest {

  private static final ImmutableList<Prompt> PROMPTS =
      TinyModels.prompts(9, 12, TinyModels.VOCABULARY);
  private static final ImmutableList<Response> RESPONSES =
      TinyModels.responses(9, 8, TinyModels.VOCABULARY);

  @TempDir Path directory;

  private static TransformerRewardModel model(DataType type) {
    TransformerRewardModel model = TransformerRewardModel.random(TinyModels.config(), type, 5);
    TinyModels.scatter(model.parameters());
    return model;
  }

  /** Two threads in one graph would read each other's numbers. */
  @Test
  void score_byTwoThreadsAtOnce_isRefusedOrRight() throws Exception {
    try (TransformerRewardModel model = model(DataType.FLOAT)) {
      double[] expected = model.score(PROMPTS, RESPONSES);
      Callable<Integer> scores =
          () -> {
            int refused = 0;
            for (int i = 0; i < 200; i++) {
              try {
                assertThat(model.score(PROMPTS, RESPONSES)).isEqualTo(expected);
              } catch (IllegalStateException e) {
                assertThat(e).hasMessageContaining("score: expected to be asked between two calls");
                refused++;
              }
            }
            return refused;
          };
      FutureTask<Integer> other = new FutureTask<>(scores);
      new Thread(other, "scores").start();
      assertThat(scores.call() + other.get()).isPositive();
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void withAdapter_ofAModel_trainsAdapterAndHeadOverTheSameWeights(DecoderConfig config) {
    try (TransformerRewardModel base = TransformerRewardModel.random(config, DataType.FLOAT, 5)) {
      TinyModels.scatter(base.parameters());
      double[] before = base.score(PROMPTS, RESPONSES);
      try (TransformerRewardModel adapted = base.withAdapter(LoraTest.everywhere(config), 1)) {
        assertThat(adapted.score(PROMPTS, RESPONSES)).isEqualTo(before);
        assertThat(adapted.parameters().count()).isLessThan(base.parameters().count());
        assertThat(adapted.parameters().names()).contains("score.weight");
        adapted
            .frozenParameters()
            .forEach((name, array) -> assertThat(array).isSameAs(base.parameters().get(name)));

        TinyModels.scatter(adapted.parameters());
        double[] after = adapted.score(PROMPTS, RESPONSES);
        assertThat(after).isNotEqualTo(before);
        assertThat(base.score(PROMPTS, RESPONSES)).isEqualTo(before);
        adapted.save(directory);
        try (TransformerRewardModel loaded = TransformerRewardModel.load(directory)) {
          assertThat(loaded.parameters().names()).isEqualTo(base.parameters().names());
          assertThat(loaded.score(PROMPTS, RESPONSES)).containsExactly(after, within(1e-4));
        }
        assertThatThrownBy(() -> adapted.withAdapter(LoraTest.everywhere(config), 1))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageStartingWith("adapter: expected none yet");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void loadAdapter_ofWhatWasSaved_isAdapterAndHeadToTheBit(DecoderConfig config)
      throws IOException {
    try (TransformerRewardModel base = TransformerRewardModel.random(config, DataType.FLOAT, 5);
        TransformerRewardModel adapted = base.withAdapter(LoraTest.everywhere(config), 1)) {
      TinyModels.scatter(adapted.parameters());
      adapted.saveAdapter(directory);
      try (TransformerRewardModel loaded = base.loadAdapter(directory)) {
        assertThat(loaded.parameters().names()).isEqualTo(adapted.parameters().names());
        assertThat(loaded.score(PROMPTS, RESPONSES)).isEqualTo(adapted.score(PROMPTS, RESPONSES));
        loaded
            .frozenParameters()
            .forEach((name, array) -> assertThat(array).isSameAs(base.parameters().get(name)));
      }
      try (SafeTensors tensors = SafeTensors.open(directory.resolve(LoraFiles.TENSORS))) {
        assertThat(tensors.names())
            .contains("base_model.model.score.weight")
            .allMatch(name -> name.contains(".lora_") || name.endsWith(".score.weight"));
      }
      assertThatThrownBy(() -> base.saveAdapter(directory))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("adapter: expected one, got none");
    }
  }

  @Test
  void loadAdapter_ofALanguageModels_saysThatTheHeadIsMissing() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerPolicy adapted = policy.withAdapter(LoraConfig.of(Architecture.LLAMA, 2), 1);
        TransformerRewardModel base = TransformerRewardModel.fromPolicy(policy);
        TransformerRewardModel scoring =
            base.withAdapter(LoraConfig.of(Architecture.LLAMA, 2), 1)) {
      adapted.saveAdapter(directory);
      assertThatThrownBy(() -> base.loadAdapter(directory))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(
              "modules_to_save: expected [\"score\"] for a reward model, got null");
      scoring.saveAdapter(directory);
      assertThatThrownBy(() -> policy.loadAdapter(directory))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(
              "modules_to_save: expected nothing for a language model, got"
                  + " [\"classifier\",\"score\"]");
    }
  }

  @Test
  void withFrozen_ofAModel_trainsTheRestAndSavesAll() {
    try (TransformerRewardModel base = model(DataType.FLOAT);
        TransformerRewardModel model =
            base.withFrozen(FreezeConfig.firstLayers(Architecture.LLAMA, 2))) {
      assertThat(model.parameters().names())
          .containsExactly("model.norm.weight", DecoderTensors.SCORE);
      assertThat(model.score(PROMPTS, RESPONSES)).isEqualTo(base.score(PROMPTS, RESPONSES));
      TinyModels.scatter(model.parameters());
      model.save(directory);
      try (TransformerRewardModel loaded = TransformerRewardModel.load(directory)) {
        assertThat(loaded.score(PROMPTS, RESPONSES)).isEqualTo(model.score(PROMPTS, RESPONSES));
        assertThat(loaded.score(PROMPTS, RESPONSES)).isNotEqualTo(base.score(PROMPTS, RESPONSES));
      }
    }
  }

  @Test
  void score_ofManyResponses_isThatOfEachAlone() {
    try (TransformerRewardModel model = model(DataType.DOUBLE)) {
      double[] scores = model.score(PROMPTS, RESPONSES);
      for (int i = 0; i < scores.length; i++) {
        double[] alone = model.score(PROMPTS.subList(i, i + 1), RESPONSES.subList(i, i + 1));
        assertThat(scores[i]).isCloseTo(alone[0], within(1e-12));
      }
    }
  }

  @Test
  void score_afterClose_isRefused() {
    TransformerRewardModel model = model(DataType.FLOAT);
    model.close();
    assertThatThrownBy(() -> model.score(PROMPTS, RESPONSES))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("rewardModel: expected an open one, got one that was closed");
  }

  @Test
  void score_whereThePromptEnds_doesNotMatter() {
    try (TransformerRewardModel model = model(DataType.DOUBLE)) {
      double[] scores =
          model.score(
              ImmutableList.of(Prompt.of(1, 5, 3), Prompt.of(1), Prompt.of(1, 5)),
              ImmutableList.of(Response.of(4, 8), Response.of(5, 3, 4, 8), Response.of(3, 4)));
      assertThat(scores[1]).isCloseTo(scores[0], within(1e-12));
      assertThat(scores[2]).isNotCloseTo(scores[0], within(1e-3));
      int[] many = {1, 5, 3, 4, 8, 1, 5, 3, 4, 8};
      assertThat(model.shape(List.of(Prompt.of(1)), List.of(Response.of(many))))
          .isEqualTo(model.shape(List.of(Prompt.of(many)), List.of(Response.of(1))));
    }
  }

  @Test
  void score_ofMoreThanOneChunk_isThatOfTheParts() {
    ImmutableList<Prompt> prompts = repeated(PROMPTS.get(0), 130);
    ImmutableList<Response> responses = repeated(RESPONSES.get(0), 130);
    try (TransformerRewardModel model = model(DataType.DOUBLE)) {
      double one = model.score(prompts.subList(0, 1), responses.subList(0, 1))[0];
      assertThat(model.score(prompts, responses)).hasSize(130);
      for (double score : model.score(prompts, responses)) {
        assertThat(score).isCloseTo(one, within(1e-12));
      }
      assertThat(model.score(ImmutableList.of(), ImmutableList.of())).isEmpty();
    }
  }

  private static <T> ImmutableList<T> repeated(T value, int count) {
    return ImmutableList.copyOf(Collections.nCopies(count, value));
  }

  @Test
  void score_beyondTheContext_isRefusedByName() {
    try (TransformerRewardModel model = model(DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  model.score(
                      ImmutableList.of(Prompt.of(new int[20])),
                      ImmutableList.of(Response.of(new int[11]))))
          .withMessageContaining("sequence 0 have 31, the policy reads at most 30");
    }
  }

  @Test
  void fromPolicy_ofAnyPolicy_scoresZeroAndSharesNothing() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerRewardModel model = TransformerRewardModel.fromPolicy(policy)) {
      assertThat(model.score(PROMPTS, RESPONSES)).containsOnly(0);
      assertThat(model.parameters().names()).doesNotContain("lm_head.weight");
      float before = model.parameters().get("model.embed_tokens.weight").getFloat(0);
      assertThat(policy.parameters().get("model.embed_tokens.weight").getFloat(0))
          .isEqualTo(before);
      policy.parameters().update(vector -> vector.addi(1));
      assertThat(model.parameters().get("model.embed_tokens.weight").getFloat(0)).isEqualTo(before);
    }
  }

  @Test
  void load_ofWhatWasSaved_scoresTheSame() throws IOException {
    try (TransformerRewardModel model = model(DataType.FLOAT)) {
      model.save(directory);
      try (TransformerRewardModel loaded = TransformerRewardModel.load(directory)) {
        assertThat(loaded.config()).isEqualTo(model.config());
        assertThat(loaded.parameters().vector()).isEqualTo(model.parameters().vector());
        assertThat(loaded.score(PROMPTS, RESPONSES)).isEqualTo(model.score(PROMPTS, RESPONSES));
      }
    }
    JsonNode config = new ObjectMapper().readTree(directory.resolve("config.json").toFile());
    assertThat(config.path("architectures").path(0).asText())
        .isEqualTo("LlamaForSequenceClassification");
    assertThat(config.path("num_labels").asInt()).isEqualTo(1);
    assertThat(config.path("id2label").path("0").asText()).isEqualTo("reward");
    assertThat(config.path("label2id").path("reward").asInt(-1)).isZero();
  }

  @Test
  void load_ofALanguageModel_saysThatTheHeadIsMissing() {
    try (TransformerPolicy policy =
        TinyModels.policy(TinyModels.config(4, 4, 2, true), DataType.FLOAT)) {
      policy.save(directory);
    }
    assertThatThrownBy(() -> TransformerRewardModel.load(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tensors: expected score.weight, got none of that name");
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void load_ofEveryArchitecture_scoresTheSame(DecoderConfig config) throws IOException {
    try (TransformerRewardModel model = TransformerRewardModel.random(config, DataType.FLOAT, 5)) {
      TinyModels.scatter(model.parameters());
      model.save(directory);
      try (TransformerRewardModel loaded = TransformerRewardModel.load(directory)) {
        assertThat(loaded.config()).isEqualTo(config);
        assertThat(loaded.score(PROMPTS, RESPONSES)).isEqualTo(model.score(PROMPTS, RESPONSES));
      }
      try (SafeTensors tensors = SafeTensors.open(directory.resolve("model.safetensors"))) {
        assertThat(tensors.shape("score.weight")).hasToString("[1, 16]");
      }
    }
    JsonNode json = new ObjectMapper().readTree(directory.resolve("config.json").toFile());
    assertThat(json.path("architectures").path(0).asText())
        .isEqualTo(
            switch (config.architecture()) {
              case GPT2 -> "GPT2ForSequenceClassification";
              case GPT_NEOX -> "GPTNeoXForSequenceClassification";
              case LLAMA -> "LlamaForSequenceClassification";
              case QWEN2 -> "Qwen2ForSequenceClassification";
              case QWEN3 -> "Qwen3ForSequenceClassification";
            });
  }

  /** With a row of the output layer for a head, the score is that token's logit. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void score_withARowOfTheOutputLayer_isALogit(DecoderConfig config) {
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.DOUBLE);
        TransformerRewardModel model = TransformerRewardModel.fromPolicy(policy);
        Prefill prefill = new Prefill(policy.model());
        KeyValueCache cache = new KeyValueCache(config, DataType.DOUBLE, 1, 24)) {
      INDArray head = policy.parameters().get(policy.model().tensors().output()).getRow(6);
      model
          .parameters()
          .update(
              vector ->
                  Result.array(model.parameters().viewsInto(vector), "score.weight")
                      .getRow(0)
                      .assign(head));
      for (int i = 0; i < PROMPTS.size(); i++) {
        int[] whole =
            Ints.concat(PROMPTS.get(i).tokens().toArray(), RESPONSES.get(i).tokens().toArray());
        double[] logits = prefill.run(List.of(Prompt.of(whole)), 24, cache, 0, new int[] {0});
        assertThat(model.score(PROMPTS.subList(i, i + 1), RESPONSES.subList(i, i + 1))[0])
            .isCloseTo(logits[6], within(1e-10));
      }
    }
  }

  @Test
  void fromPolicy_ofGpt2WithBareNames_hasTheUsualOnes() {
    Path checkpoint = SharedData.require("tiny/tiny-gpt2");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint);
        TransformerRewardModel model = TransformerRewardModel.fromPolicy(policy)) {
      assertThat(policy.parameters().names()).contains("h.0.ln_1.weight");
      assertThat(model.parameters().names())
          .contains("transformer.h.0.ln_1.weight", "transformer.wpe.weight", "score.weight");
      assertThat(model.parameters().get("transformer.wte.weight"))
          .isEqualTo(policy.parameters().get("wte.weight"));
    }
  }

  @Test
  void load_ofTwoLabels_namesTheShape() {
    try (TransformerRewardModel model = model(DataType.FLOAT);
        INDArray two = Nd4j.create(DataType.FLOAT, 2, 16)) {
      model.save(directory);
      Map<String, INDArray> tensors = new HashMap<>(model.parameters().asMap());
      tensors.put("score.weight", two);
      SafeTensorsWriter.write(
          directory.resolve("model.safetensors"), tensors, ImmutableMap.of("format", "pt"));
    }
    assertThatThrownBy(() -> TransformerRewardModel.load(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("score.weight.shape: expected [1, 16], got [2, 16]");
  }

  /** 64 MiB of scores in float32, or one sequence. */
  @ParameterizedTest
  @CsvSource({"2, 8, 128", "12, 512, 5", "32, 1024, 1", "32, 100000, 1"})
  void together_isWhatAttentionScoresLeaveRoomFor(int heads, long tokens, int expected) {
    assertThat(TransformerRewardModel.together(heads, tokens)).isEqualTo(expected);
  }
}
