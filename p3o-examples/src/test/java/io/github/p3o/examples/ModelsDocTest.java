package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.TrainableRewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.BradleyTerryLoss;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.text.DataSetReader;
import io.github.p3o.text.DataSets;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.Tokenizer;
import io.github.p3o.text.Tokenizers;
import io.github.p3o.train.Comparison;
import io.github.p3o.train.RewardModelTrainer;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.FreezeConfig;
import io.github.p3o.transformer.LoraConfig;
import io.github.p3o.transformer.SamplingConfig;
import io.github.p3o.transformer.StopRule;
import io.github.p3o.transformer.TransformerPolicy;
import io.github.p3o.transformer.TransformerRewardModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The Java of docs/models.md, which {@link DocumentsTest} finds here, does what it says. */
class ModelsDocTest {

  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(104, 105), Prompt.of(104));

  @TempDir private static Path directory = Path.of("");

  @TempDir private static Path rewardDirectory = Path.of("");

  @TempDir private Path out = Path.of("");

  @TempDir private Path merged = Path.of("");

  private final long seed = 1;

  /** Seven layers, as one of the examples freezes six. */
  @BeforeAll
  static void savesModels() {
    DecoderConfig config =
        DecoderConfig.llama(
            258, 8, 16, 7, 2, 2, 128, 1e-5, 10_000, true, OptionalInt.of(256), OptionalInt.of(257));
    try (TransformerPolicy policy = TransformerPolicy.random(config, DataType.FLOAT, 1);
        TransformerRewardModel reward = TransformerRewardModel.fromPolicy(policy)) {
      policy.save(directory);
      reward.save(rewardDirectory);
    }
  }

  /** What the examples leave to the reader. */
  private static void train(TransformerPolicy policy, Policy reference) {
    try (P3OTrainer trainer =
        P3OTrainer.builder(policy, P3OLoss.v2())
            .reference(reference)
            .prompts(PromptSource.uniform(PROMPTS))
            .sampler(policy.sampler(4))
            .rewardModel(RewardModel.each((prompt, response) -> response.length()))
            .config(TrainerConfig.builder().promptsPerStep(2).build())
            .build()) {
      trainer.train(1);
    }
  }

  @Test
  @Tag("cpu")
  void weightsThatStayInTheirFiles() {
    try (TransformerPolicy base = TransformerPolicy.map(directory); // float32, single or sharded
        TransformerPolicy policy =
            base.withAdapter(LoraConfig.of(base.config().architecture(), 8), seed);
        TransformerPolicy reference = policy.withoutAdapter();
        TransformerRewardModel reward = TransformerRewardModel.map(rewardDirectory)) {
      train(policy, reference);
      assertThat(base.parameters().isFrozen()).isTrue();
      assertThat(reward.parameters().isFrozen()).isTrue();
    }
  }

  @Test
  void textsAndTokens() throws IOException {
    List<String> others = IntStream.range(0, 253).mapToObj(i -> "word" + i).toList();
    Tokenizers.writeWordLevel(
        directory, ImmutableList.<String>builder().add("you", "thank").addAll(others).build());
    Path file = out.resolve("prompts.jsonl");
    Files.writeString(file, "{\"prompt\": \"thank\"}\n{\"prompt\": \"you thank\"}\n");
    try (Tokenizer tokenizer = Tokenizers.huggingFace(directory);
        TransformerPolicy policy = TransformerPolicy.load(directory);
        DataSetReader<String> lines = DataSets.prompts(file)) { // {"prompt": "…"} in each line
      TextCodec codec = new TextCodec(tokenizer);
      P3OTrainer.Builder builder =
          P3OTrainer.builder(policy, P3OLoss.v2())
              .prompts(PromptSource.uniform(codec.prompts(ImmutableList.copyOf(lines))))
              .sampler(policy.sampler(32)) // new tokens at most
              .rewardModel(codec.rewardModel((prompt, text) -> text.contains("thank") ? 1 : 0));
      try (P3OTrainer trainer = builder.build()) {
        trainer.train(20);
      }
      policy.save(out);
      Tokenizers.copy(directory, out); // so that out can be loaded like directory
    }
    try (TransformerPolicy policy = TransformerPolicy.load(out);
        Tokenizer tokenizer = Tokenizers.huggingFace(out)) {
      assertThat(tokenizer.encode("you thank")).hasSize(2);
      assertThat(policy.config().vocabularySize()).isEqualTo(258);
    }
  }

  @Test
  void sampling() {
    ImmutableList<Prompt> prompts = PROMPTS;
    try (TransformerPolicy policy = TransformerPolicy.load(directory);
        Tokenizer tokenizer = Tokenizers.bytes()) {
      SamplingConfig config =
          SamplingConfig.of(100) // tokens at most
              .withTopK(40)
              .withTopP(0.9)
              .withStopRule(StopRule.atText(tokenizer, List.of("\nUser:")));
      Samples drawn =
          policy.withTemperature(0.8).generate(prompts, 2, config, new SplittableRandom(seed));
      assertThat(drawn.responses()).hasSize(4).allMatch(response -> response.length() <= 100);
    }
  }

  @Test
  void adapters() {
    try (TransformerPolicy base = TransformerPolicy.load(directory);
        TransformerPolicy policy =
            base.withAdapter(LoraConfig.of(base.config().architecture(), 8), seed);
        TransformerPolicy reference = policy.withoutAdapter()) { // the same memory
      train(policy, reference); // P3OTrainer.builder(policy, P3OLoss.v2()).reference(reference) …
      policy.saveAdapter(out); // adapter_config.json, adapter_model.safetensors, as PEFT reads them
      policy.save(merged); // the whole model, the adapter merged
    }
    assertThat(out).isDirectoryContaining("glob:**adapter_model.safetensors");
    assertThat(merged).isDirectoryContaining("glob:**model.safetensors");
  }

  @Test
  void frozenParameters() {
    try (TransformerPolicy base = TransformerPolicy.load(directory)) {
      FreezeConfig frozen =
          FreezeConfig.firstLayers(base.config().architecture(), 6); // and the embeddings
      try (TransformerPolicy policy = base.withFrozen(frozen);
          Policy reference = policy.frozenCopy()) { // what is frozen is shared for good
        train(policy, reference); // P3OTrainer.builder(policy, P3OLoss.v2()).reference(reference) …
        policy.save(out); // the whole model
      }
    }
    assertThat(out).isDirectoryContaining("glob:**model.safetensors");
  }

  /** Users' features times an item's sign. */
  private static double[][] features(List<Prompt> users, List<Response> items) {
    double[][] rows = new double[users.size()][3];
    for (int i = 0; i < rows.length; i++) {
      rows[i][users.get(i).tokens().get(0)] = items.get(i).tokens().get(0) == 0 ? -1 : 1;
    }
    return rows;
  }

  private static final class Liking implements TrainableRewardModel {

    private final Parameters parameters =
        Parameters.copyOf(Map.of("w", Nd4j.zeros(DataType.DOUBLE, 3, 1)));

    @Override
    public Parameters parameters() {
      return parameters;
    }

    @Override
    public BatchShape shape(List<Prompt> users, List<Response> items) {
      return new BatchShape(users.size(), 2, 1); // the least, as no tokens are read
    }

    @Override
    public SDVariable build(BatchShape shape) {
      SameDiff graph = SameDiff.create();
      SDVariable w = graph.placeHolder("w", DataType.DOUBLE, 3, 1); // the parameter, by its name
      SDVariable x = graph.placeHolder("x", DataType.DOUBLE, shape.sequences(), 3);
      return graph.mmul(x, w).reshape(shape.sequences());
    }

    @Override
    public Map<String, INDArray> feed(BatchShape shape, List<Prompt> users, List<Response> items) {
      return Map.of("x", Nd4j.createFromArray(features(users, items)));
    }

    @Override
    public double[] score(ImmutableList<Prompt> users, ImmutableList<Response> items) {
      try (INDArray x = Nd4j.createFromArray(features(users, items));
          INDArray scores = x.mmul(parameters.get("w"))) {
        return scores.data().asDouble();
      }
    }

    @Override
    public void close() {
      parameters.close();
    }
  }

  @Test
  void aRewardNetworkOfOnesOwn_isFittedToComparisons() {
    ImmutableList<Comparison> comparisons =
        ImmutableList.of(
            new Comparison(Prompt.of(0), Response.of(1), Response.of(0)),
            new Comparison(Prompt.of(1), Response.of(0), Response.of(1)));
    try (Liking liking = new Liking()) {
      try (RewardModelTrainer trainer =
          new RewardModelTrainer(liking, new BradleyTerryLoss(), OptimizerConfig.adamW(0.05), 64)) {
        for (int step = 0; step < 100; step++) {
          trainer.step(comparisons); // of prompt, chosen and rejected response
        }
      }
      double[] scores =
          liking.score(
              ImmutableList.of(Prompt.of(0), Prompt.of(1), Prompt.of(2)),
              ImmutableList.of(Response.of(1), Response.of(1), Response.of(1)));
      assertThat(scores[0]).isGreaterThan(1);
      assertThat(scores[1]).isLessThan(-1);
      assertThat(scores[2]).isZero();
    }
  }
}
