package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.PairSampler;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

class TransformerPolicyTest {

  private static final Prompt PROMPT = Prompt.of(1, 5, 3);

  @TempDir Path directory;

  private static double[] logProbs(
      TransformerPolicy policy, List<Prompt> prompts, List<Response> responses, int atOnce) {
    try (PolicyScorer scorer = new PolicyScorer(policy, atOnce)) {
      return scorer.logProbs(prompts, responses);
    }
  }

  private static double logProb(TransformerPolicy policy, Prompt prompt, Response response) {
    return logProbs(policy, List.of(prompt), List.of(response), 1)[0];
  }

  /** Sums of log-probabilities that an independent implementation computed in float64. */
  @ParameterizedTest
  @CsvSource({
    "tiny-llama, FLOAT, 1e-4",
    "tiny-llama, DOUBLE, 1e-9",
    "tiny-gpt2, FLOAT, 1e-4",
    "tiny-gpt2, DOUBLE, 1e-9",
    "tiny-gpt-neox, FLOAT, 1e-4",
    "tiny-gpt-neox, DOUBLE, 1e-9"
  })
  void logProbs_ofEveryPrefix_equalAnIndependentImplementation(
      String name, DataType type, double tolerance) throws IOException {
    Path checkpoint = SharedData.require("tiny/" + name);
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint, type)) {
      GoldenLogProbs.check(
          policy, checkpoint.resolve("expected.json"), "next_token_logprobs", tolerance);
    }
  }

  @ParameterizedTest
  @CsvSource({"4, 4, 2, true", "4, 4, 4, false", "4, 4, 1, false", "2, 6, 3, true"})
  void logProbs_ofAllTokens_areADistribution(int size, int heads, int keyHeads, boolean tied) {
    DecoderConfig config = TinyModels.config(size, heads, keyHeads, tied);
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.DOUBLE)) {
      assertThat(Arrays.stream(distribution(policy)).map(Math::exp).sum())
          .isCloseTo(1, within(1e-12));
    }
  }

  private static double[] distribution(TransformerPolicy policy) {
    List<Response> all = IntStream.range(0, TinyModels.VOCABULARY).mapToObj(Response::of).toList();
    return logProbs(policy, all.stream().map(r -> PROMPT).toList(), all, 64);
  }

  @Test
  void withTemperature_ofAPolicy_dividesLogitsAndSharesParameters() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE)) {
      double[] plain = distribution(policy);
      TransformerPolicy hot = policy.withTemperature(2.5);
      double[] heated = distribution(hot);

      assertThat(Arrays.stream(heated).map(Math::exp).sum()).isCloseTo(1, within(1e-12));
      for (int i = 1; i < plain.length; i++) {
        assertThat(heated[i] - heated[0]).isCloseTo((plain[i] - plain[0]) / 2.5, within(1e-12));
      }
      assertThat(hot.temperature()).isEqualTo(2.5);
      assertThat(hot.parameters()).isSameAs(policy.parameters());
      assertThat(hot.prefill()).isSameAs(policy.prefill()); // closed with either
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void withTemperature_notPositiveAndFinite_isRefused(double temperature) {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.withTemperature(temperature))
          .withMessage("temperature: expected > 0 and finite, got " + temperature);
    }
  }

  /** In float32 the weights are read where they lie, which is then somebody else's memory. */
  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE"})
  void use_afterClose_isRefusedAndWritesNothing(DataType type, @TempDir Path directory) {
    TransformerPolicy policy = TinyModels.policy(TinyModels.config(), type);
    PairSampler sampler = policy.sampler(3);
    policy.greedy(TinyModels.PROMPTS, 3);
    policy.close();
    policy.close();
    for (ThrowingCallable call :
        List.<ThrowingCallable>of(
            () -> policy.greedy(TinyModels.PROMPTS, 3),
            () -> sampler.sample(TinyModels.PROMPTS, 2, new SplittableRandom(1)),
            () -> TinyModels.logProbs(policy),
            () -> policy.save(directory),
            policy::frozenCopy)) {
      assertThatIllegalStateException()
          .isThrownBy(call)
          .withMessage("parameters: expected open parameters, got closed ones");
    }
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void logProbs_inBatchesOfAnySize_areTheSame() {
    ImmutableList<Prompt> prompts = TinyModels.prompts(13, 12, TinyModels.VOCABULARY);
    ImmutableList<Response> responses = TinyModels.responses(13, 9, TinyModels.VOCABULARY);
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE)) {
      double[] alone = logProbs(policy, prompts, responses, 1); // padded least
      for (int atOnce : new int[] {2, 5, 13}) {
        double[] together = logProbs(policy, prompts, responses, atOnce);
        assertThat(together).containsExactly(alone, within(1e-12));
      }
    }
  }

  @Test
  void feed_forALargerShape_changesNoLogProbability() {
    Response response = Response.of(4, 0, 0, 9);
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE)) {
      double expected = logProb(policy, PROMPT, response);
      BatchShape larger = new BatchShape(1, 29, 17);
      assertThat(new GraphValues(policy).logProbs(larger, List.of(PROMPT), List.of(response)))
          .containsExactly(new double[] {expected}, within(1e-12));
    }
  }

  @Test
  void shape_ofAnUnknownId_isRefusedByName() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  policy.shape(
                      List.of(PROMPT, PROMPT), List.of(Response.of(1), Response.of(3, 11))))
          .withMessage("responses[1].tokens[1]: expected an id below 11, got 11");
    }
  }

  @Test
  void shape_ofASequenceBeyondTheContext_isRefusedByName() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.shape(List.of(PROMPT), List.of(Response.of(new int[28]))))
          .withMessageContaining("sequence 0 have 31, the policy reads at most 30");
    }
  }

  @Test
  void feed_thatDoesNotFitTheShape_isRefused() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      BatchShape shape = new BatchShape(1, 8, 4);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.feed(shape, List.of(PROMPT), List.of(Response.of(new int[5]))))
          .withMessageContaining("responses[0]: expected to fit");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.feed(shape, List.of(), List.of()))
          .withMessage("responses: expected 1, got 0");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.feed(shape, List.of(PROMPT), List.of(Response.of(11))))
          .withMessage("responses[0].tokens[0]: expected an id below 11, got 11");
    }
  }

  @Test
  void frozenCopy_afterAnUpdate_keepsItsValues() {
    Response response = Response.of(4, 7);
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        TransformerPolicy frozen = policy.withTemperature(1.5).frozenCopy()) {
      double before = logProb(frozen, PROMPT, response);
      ImmutableList<Response> greedyBefore = frozen.greedy(List.of(PROMPT), 9);
      policy.parameters().update(vector -> vector.muli(-1.3));

      assertThat(logProb(frozen, PROMPT, response)).isEqualTo(before);
      assertThat(frozen.greedy(List.of(PROMPT), 9)).isEqualTo(greedyBefore);
      assertThat(frozen.temperature()).isEqualTo(1.5);
      assertThat(logProb(policy, PROMPT, response)).isNotCloseTo(before, within(1e-3));
    }
  }

  @Test
  void random_ofASeed_isAlwaysTheSame() {
    DecoderConfig config = TinyModels.config();
    try (TransformerPolicy one = TransformerPolicy.random(config, DataType.FLOAT, 1);
        TransformerPolicy again = TransformerPolicy.random(config, DataType.FLOAT, 1);
        TransformerPolicy other = TransformerPolicy.random(config, DataType.FLOAT, 2)) {
      assertThat(again.parameters().vector()).isEqualTo(one.parameters().vector());
      assertThat(other.parameters().vector()).isNotEqualTo(one.parameters().vector());
      assertThat(one.parameters().get("model.norm.weight").toFloatVector()).containsOnly(1);
      INDArray weights = one.parameters().get("model.layers.0.self_attn.q_proj.weight");
      assertThat(weights.stdNumber().doubleValue()).isCloseTo(0.02, within(0.004));
      INDArray onto = one.parameters().get("model.layers.1.mlp.down_proj.weight");
      assertThat(onto.stdNumber().doubleValue()).isCloseTo(0.01, within(0.002));
    }
  }

  @Test
  void random_ofAnIntegerType_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TransformerPolicy.random(TinyModels.config(), DataType.INT32, 1))
        .withMessage("type: expected FLOAT or DOUBLE, got INT");
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void load_ofWhatWasSaved_isTheSameToTheByte(DecoderConfig config) throws IOException {
    Path first = directory.resolve("first");
    Path second = directory.resolve("second");
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.FLOAT)) {
      policy.save(first);
      try (TransformerPolicy loaded = TransformerPolicy.load(first)) {
        assertThat(loaded.config()).isEqualTo(policy.config());
        assertThat(loaded.parameters().names()).isEqualTo(policy.parameters().names());
        assertThat(loaded.parameters().vector()).isEqualTo(policy.parameters().vector());
        loaded.save(second);
      }
    }
    for (String file : List.of("config.json", "model.safetensors")) {
      assertThat(second.resolve(file)).hasSameBinaryContentAs(first.resolve(file));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"stories260k", "tiny/tiny-llama", "tiny/tiny-gpt2", "tiny/tiny-gpt-neox"})
  void save_ofACheckpointFromElsewhere_writesTheSameTensors(String name) throws IOException {
    Path checkpoint = SharedData.require(name);
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint)) {
      policy.save(directory);
    }
    SafeTensorsFiles.assertSameButForSpaces(
        directory.resolve("model.safetensors"), checkpoint.resolve("model.safetensors"));
    assertThat(DecoderConfig.read(directory)).isEqualTo(DecoderConfig.read(checkpoint));
  }

  @Test
  void load_ofWhatIsNoCheckpoint_namesTheParameterTheRuleAndThePath() throws IOException {
    assertNoCheckpointIsNamed(TransformerPolicy::load);
    assertNoCheckpointIsNamed(TransformerRewardModel::load);
  }

  @Test
  @Tag("cpu")
  void map_ofWhatIsNoCheckpoint_namesTheParameterTheRuleAndThePath() throws IOException {
    assertNoCheckpointIsNamed(TransformerPolicy::map);
    assertNoCheckpointIsNamed(TransformerRewardModel::map);
  }

  private void assertNoCheckpointIsNamed(Function<Path, AutoCloseable> open) throws IOException {
    Path missing = directory.resolve("missing");
    Path file = directory.resolve("a-file");
    Files.writeString(file, "{}");
    Path empty = Files.createDirectories(directory.resolve("empty"));
    Path bare = Files.createDirectories(directory.resolve("bare"));
    TinyModels.config().write(bare);
    String expected =
        ": directory: expected that of a Hugging Face checkpoint, config.json and safetensors, got";
    String weights =
        ": directory: expected model.safetensors or model.safetensors.index.json in it, got";
    assertThatThrownBy(() -> open.apply(missing))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(missing + expected + " nothing of that name");
    assertThatThrownBy(() -> open.apply(file)).hasMessage(file + expected + " a file");
    assertThatThrownBy(() -> open.apply(empty))
        .hasMessage(empty + expected + " one without config.json");
    assertThatThrownBy(() -> open.apply(bare)).hasMessage(bare + weights + " one without either");
  }

  @Test
  void loadAdapter_ofWhatIsNoAdapter_namesTheParameterTheRuleAndThePath() {
    Path missing = directory.resolve("missing");
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatThrownBy(() -> policy.loadAdapter(missing))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              missing
                  + ": directory: expected that of an adapter of PEFT's, adapter_config.json and"
                  + " adapter_model.safetensors, got nothing of that name");
    }
  }

  @Test
  void load_ofACheckpointWithAnotherShape_namesTheTensor() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      policy.save(directory);
    }
    TinyModels.config(4, 4, 4, false).write(directory);

    assertThatThrownBy(() -> TransformerPolicy.load(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(
            "model.layers.0.self_attn.k_proj.weight.shape: expected [16, 16], got [8, 16]");
  }

  @Test
  void load_ofACheckpointWithMoreTensors_isRefused() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerRewardModel model = TransformerRewardModel.fromPolicy(policy)) {
      model.save(directory);
    }
    assertThatThrownBy(() -> TransformerPolicy.load(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tensors: expected those of a LLAMA model, got score.weight");
  }

  @Test
  void load_ofAnEmptyDirectory_isRefused() {
    assertThat(Files.exists(directory)).isTrue();
    assertThatThrownBy(() -> TransformerPolicy.load(directory))
        .isInstanceOf(CheckpointException.class);
  }
}
