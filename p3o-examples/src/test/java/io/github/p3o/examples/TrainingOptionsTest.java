package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Lists;
import io.github.p3o.transformer.TensorFiles;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Options that the commands share which train a model. */
class TrainingOptionsTest {

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");
  private static Path data = Path.of("");

  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    StoryModel made = StoryModel.in(directory);
    model = made.model();
    data = made.data();
  }

  /** Two steps of a command. */
  private static Cli train(String command, String more, Object... values) {
    return switch (command) {
      case "align" ->
          Cli.run(
              "align --policy %s --prompt %s --reward sentiment --prompts-per-step 4"
                  + " --evaluation-prompts 4 --max-new-tokens 12 --steps 2 "
                  + more,
              Lists.asList(model, "one day the big king", values).toArray());
      case "reward" ->
          Cli.run(
              "reward --policy %s --sample-pairs 16 --max-new-tokens 12 --steps 2 " + more,
              Lists.asList(model, values).toArray());
      default ->
          Cli.run(
              "sft --policy %s --data %s --steps 2 " + more,
              Lists.asList(model, data, values).toArray());
    };
  }

  /**
   * Two updates shrink weights to (1 − 500 · rate) of them, twice; the rest of an update is of the
   * size of its rate. Rates are 1e-3 and 3/4 of that, on the cosine, or 1/2 of it and 1e-3.
   */
  @ParameterizedTest
  @CsvSource({"sft, 0, 0.3125", "sft, 2, 0.375", "reward, 0, 0.3125", "reward, 2, 0.375"})
  void supervisedTraining_withWeightDecayAndWarmUp_obeysThem(
      String command, int warmup, double left) {
    Path out = directory.resolve(command + "-decay-" + warmup);
    train(
            command,
            "--learning-rate 1e-3 --weight-decay 500 --warmup-updates %s --out %s",
            warmup,
            out)
        .succeeds();

    assertThat(meanOfNorm(out.resolve("model")) / meanOfNorm(model)).isCloseTo(left, within(0.005));
  }

  private static double meanOfNorm(Path directory) {
    return TensorFiles.read(directory.resolve("model.safetensors")).entrySet().stream()
        .filter(tensor -> tensor.getKey().equals("model.norm.weight"))
        .mapToDouble(tensor -> tensor.getValue().meanNumber().doubleValue())
        .findFirst()
        .orElseThrow();
  }

  /** Each command, and what of the model it leaves as it was. */
  @ParameterizedTest
  @CsvSource({"align, --loss p3o-v2", "align, --loss ppo", "reward, ''", "sft, ''"})
  void train_withAPartFrozen_leavesThatPartToTheBit(String command, String more)
      throws IOException {
    Path out = directory.resolve("frozen-" + command + more);
    train(command, more + " --freeze embed_tokens,mlp --out %s", out).succeeds();

    Path saved = out.resolve("model").resolve("model.safetensors");
    ImmutableMap<String, INDArray> before = TensorFiles.read(model.resolve("model.safetensors"));
    ImmutableMap<String, INDArray> after = TensorFiles.read(saved);
    assertThat(after).containsKeys("model.embed_tokens.weight", "model.norm.weight");
    before.forEach(
        (name, array) -> {
          boolean frozen = name.contains("embed_tokens") || name.contains("mlp");
          assertThat(array.equals(after.get(name))).as(name).isEqualTo(frozen);
        });
  }
}
