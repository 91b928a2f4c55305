package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Streams;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A Qwen2 checkpoint that transformers 5.18.0 wrote, and adapters of it as a language model and as
 * a reward model that PEFT 0.21.0 wrote; the numbers are those of golden/golden.py and
 * golden_scores.py, which compute them in float64 with numpy and compare them with both libraries'
 * own.
 */
class Qwen2GoldenTest {

  @TempDir Path directory;

  private static Path checkpoint() {
    return GoldenLogProbs.checkpoint("qwen2");
  }

  @ParameterizedTest
  @CsvSource({"FLOAT, 1e-4", "DOUBLE, 1e-9"})
  void logProbs_ofEveryPrefix_equalAnIndependentImplementation(DataType type, double tolerance)
      throws IOException {
    Path expected = checkpoint().resolve("expected.json");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint(), type);
        TransformerPolicy adapted = policy.loadAdapter(checkpoint().resolve("adapter"))) {
      assertThat(policy.config().architecture()).isEqualTo(Architecture.QWEN2);
      GoldenLogProbs.check(policy, expected, "next_token_logprobs", tolerance);
      GoldenLogProbs.check(adapted, expected, "next_token_logprobs_with_adapter", tolerance);
    }
  }

  @ParameterizedTest
  @CsvSource({"FLOAT, 1e-5", "DOUBLE, 1e-10"})
  void scores_withARewardModelsAdapter_equalAnIndependentImplementation(
      DataType type, double tolerance) throws IOException {
    JsonNode expected =
        new ObjectMapper().readTree(checkpoint().resolve("expected_scores.json").toFile());
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint(), type);
        TransformerRewardModel base = TransformerRewardModel.fromPolicy(policy);
        TransformerRewardModel adapted = base.loadAdapter(checkpoint().resolve("reward-adapter"))) {
      ImmutableList.Builder<Prompt> prompts = ImmutableList.builder();
      ImmutableList.Builder<Response> responses = ImmutableList.builder();
      for (JsonNode row : expected.path("token_ids")) {
        int[] ids = Streams.stream(row).mapToInt(JsonNode::asInt).toArray();
        prompts.add(Prompt.of(Arrays.copyOf(ids, 4)));
        responses.add(Response.of(Arrays.copyOfRange(ids, 4, ids.length)));
      }
      double[] scores =
          Streams.stream(expected.path("scores")).mapToDouble(JsonNode::asDouble).toArray();
      assertThat(scores).isNotEmpty();
      assertThat(adapted.score(prompts.build(), responses.build()))
          .containsExactly(scores, within(tolerance));
    }
  }

  @Test
  void save_ofWhatOthersWrote_writesTheSameTensors() {
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint());
        TransformerPolicy adapted = policy.loadAdapter(checkpoint().resolve("adapter"))) {
      policy.save(directory);
      adapted.saveAdapter(directory);
    }
    assertSameTensors("model.safetensors", "model.safetensors");
    assertSameTensors("adapter/" + LoraFiles.TENSORS, LoraFiles.TENSORS);
  }

  @Test
  void saveAdapter_ofARewardModelsThatPeftWrote_writesItsTensorsAndKeys() throws IOException {
    Path theirs = checkpoint().resolve("reward-adapter");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint());
        TransformerRewardModel base = TransformerRewardModel.fromPolicy(policy);
        TransformerRewardModel adapted = base.loadAdapter(theirs)) {
      adapted.saveAdapter(directory);
    }
    assertSameTensors("reward-adapter/" + LoraFiles.TENSORS, LoraFiles.TENSORS);
    ObjectMapper mapper = new ObjectMapper();
    JsonNode expected = mapper.readTree(theirs.resolve(LoraFiles.CONFIG).toFile());
    JsonNode written = mapper.readTree(directory.resolve(LoraFiles.CONFIG).toFile());
    for (String key : List.of("task_type", "modules_to_save", "peft_type", "r", "lora_alpha")) {
      assertThat(written.path(key)).as(key).isEqualTo(expected.path(key));
    }
  }

  private void assertSameTensors(String theirs, String ours) {
    SafeTensorsFiles.assertSameTensors(directory.resolve(ours), checkpoint().resolve(theirs));
  }
}
