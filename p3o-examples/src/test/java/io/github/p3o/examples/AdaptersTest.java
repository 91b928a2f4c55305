package io.github.p3o.examples;

import static io.github.p3o.examples.StoryModel.alignBriefly;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.Lists;
import io.github.p3o.Parameters;
import io.github.p3o.transformer.TransformerPolicy;
import io.github.p3o.transformer.TransformerRewardModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Low-rank adapters, and weights that are only read, under every command. */
class AdaptersTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");
  private static Path data = Path.of("");

  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    StoryModel made = StoryModel.in(directory);
    model = made.model();
    data = made.data();
  }

  /** The command that a run printed, with other options behind it. */
  private static Cli printedCommand(Cli run, String more, Object... values) {
    Matcher command = Pattern.compile("(?m)to sample: p3o (generate .*)$").matcher(run.out());
    assertThat(command.find()).as(run.out()).isTrue();
    return Cli.run(command.group(1) + " " + more, values);
  }

  private static String generated(Path policy, String more, Object... values) {
    return Cli.run("generate --policy %s " + more, Lists.asList(policy, values).toArray())
        .succeeds()
        .out();
  }

  @Test
  void sft_withAnAdapter_leavesAdapterAndMergedModel() throws IOException {
    Path out = directory.resolve("sft-lora");
    Cli sft =
        Cli.run(
                "sft --policy %s --data %s --lora-rank 4 --lora-target"
                    + " q_proj,v_proj,o_proj,down_proj --learning-rate 0.05 --steps 12 --out %s",
                model, data, out)
            .succeeds();

    assertThat(out.resolve("model")).isDirectoryContaining("glob:**tokenizer.json");
    try (TransformerPolicy base = TransformerPolicy.load(model);
        TransformerPolicy adapted = base.loadAdapter(out.resolve("adapter"));
        TransformerPolicy merged = adapted.merged();
        TransformerPolicy saved = TransformerPolicy.load(out.resolve("model"))) {
      assertThat(adapted.adapter().orElseThrow().rank()).isEqualTo(4);
      assertThat(saved.parameters().vector()).isEqualTo(merged.parameters().vector());
    }
    String greedy = "--prompt %s --greedy --min-new-tokens 20 --max-new-tokens 30";
    String prompt = "one day the big king";
    String before = generated(model, greedy, prompt);
    String after = generated(out.resolve("model"), greedy, prompt);
    assertThat(after).isNotEqualTo(before);
    assertThat(printedCommand(sft, greedy, prompt).succeeds().out()).isEqualTo(after);
    Path prompts = directory.resolve("one-prompt.jsonl");
    Files.writeString(prompts, "{\"prompt\": \"one day the big king\"}\n");
    Path cup = directory.resolve("lora-cup");
    Cli.run(
            "tournament --policy base=%s --policy same=%s --policy adapted=%s --adapter %s"
                + " --prompts %s --max-new-tokens 24 --judge cheerful --out %s",
            model, model, model, "adapted=" + out.resolve("adapter"), prompts, cup)
        .succeeds();
    JsonNode answers = JSON.readTree(cup.resolve("samples.jsonl").toFile());
    assertThat(answers.path("same")).isEqualTo(answers.path("base"));
    assertThat(answers.path("adapted")).isNotEqualTo(answers.path("base"));
  }

  @Test
  void reward_withAnAdapter_leavesAMergedModel() throws IOException {
    Path out = directory.resolve("reward-lora");
    Cli.run(
            "reward --policy %s --sample-pairs 16 --max-new-tokens 12 --steps 2 --lora-rank 2 --out"
                + " %s",
            model, out)
        .succeeds();

    try (TransformerPolicy policy = TransformerPolicy.load(model);
        TransformerRewardModel start = TransformerRewardModel.fromPolicy(policy);
        TransformerRewardModel saved = TransformerRewardModel.load(out.resolve("model"))) {
      String adapted = "model.layers.0.self_attn.q_proj.weight";
      String frozen = "model.layers.0.mlp.up_proj.weight";
      assertThat(saved.parameters().names()).isEqualTo(start.parameters().names());
      assertThat(saved.parameters().get("score.weight"))
          .isNotEqualTo(start.parameters().get("score.weight"));
      assertThat(saved.parameters().get(adapted)).isNotEqualTo(start.parameters().get(adapted));
      assertThat(saved.parameters().get(frozen)).isEqualTo(start.parameters().get(frozen));
      try (TransformerRewardModel again = start.loadAdapter(out.resolve("adapter"))) {
        assertThat(again.parameters().get("score.weight"))
            .isEqualTo(saved.parameters().get("score.weight"));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"p3o-v2", "ppo"})
  void align_withAnAdapter_leavesAdapterAndMergedModel(String loss) {
    Path out = directory.resolve("lora-" + loss);
    Cli align =
        Cli.run(
            "align --policy %s --reward sentiment --prompt %s --steps 2 --prompts-per-step 4"
                + " --evaluation-prompts 4 --max-new-tokens 12 --lora-rank 2 --lora-target"
                + " q_proj,o_proj --loss %s --out %s",
            model, "one day the big king", loss, out);

    align.succeeds();
    assertThat(out.resolve("adapter"))
        .isDirectoryContaining("glob:**adapter_config.json")
        .isDirectoryContaining("glob:**adapter_model.safetensors");
    try (TransformerPolicy base = TransformerPolicy.load(model);
        TransformerPolicy adapted = base.loadAdapter(out.resolve("adapter"));
        TransformerPolicy merged = adapted.merged();
        TransformerPolicy saved = TransformerPolicy.load(out.resolve("model"))) {
      assertThat(adapted.adapter().orElseThrow().alpha()).isEqualTo(4);
      assertThat(saved.parameters().vector()).isEqualTo(merged.parameters().vector());
      assertThat(saved.parameters().vector()).isNotEqualTo(base.parameters().vector());
    }
    Cli sampled = Cli.run("generate --policy %s --greedy", out.resolve("model")).succeeds();
    assertThat(printedCommand(align, "--greedy").succeeds().out()).isEqualTo(sampled.out());
  }

  /** The reference is the policy as it begins, adapter included: nothing is between them yet. */
  @Test
  void align_fromAnAdapter_goesOnWithItAndHasItAsReference() throws IOException {
    Path first = directory.resolve("first-adapter");
    alignBriefly(model, first, "--lora-rank 2 --max-new-tokens 8 --learning-rate 0.01").succeeds();
    Path out = directory.resolve("second-adapter");
    Cli align =
        alignBriefly(model, out, "--adapter %s --max-new-tokens 8", first.resolve("adapter"))
            .succeeds();
    JsonNode step = JSON.readTree(Files.readAllLines(out.resolve("metrics.jsonl")).get(0));
    assertThat(step.path("objective/kl").asDouble()).isCloseTo(0, within(1e-5));
    try (TransformerPolicy base = TransformerPolicy.load(model);
        TransformerPolicy before = base.loadAdapter(first.resolve("adapter"));
        TransformerPolicy after = base.loadAdapter(out.resolve("adapter"))) {
      assertThat(after.adapter()).isEqualTo(before.adapter());
      assertThat(after.parameters().vector()).isNotEqualTo(before.parameters().vector());
      double moved = after.parameters().vector().distance2(before.parameters().vector());
      assertThat(moved).isLessThan(before.parameters().vector().norm2Number().doubleValue() / 10);
    }
    assertThat(printedCommand(align, "--greedy").succeeds().out())
        .isEqualTo(generated(out.resolve("model"), "--greedy"));
  }

  @Test
  void reward_fromAnAdapter_beginsWithTheMergedModel() {
    Path adapter = directory.resolve("adapter-of-policy");
    alignBriefly(model, adapter, "--lora-rank 2 --max-new-tokens 8 --learning-rate 0.01")
        .succeeds();
    Path out = directory.resolve("reward-of-adapter");
    Cli.run(
            "reward --policy %s --adapter %s --sample-pairs 40 --max-new-tokens 8 --steps 1"
                + " --learning-rate 1e-9 --out %s",
            model, adapter.resolve("adapter"), out)
        .succeeds();
    String query = "model.layers.0.self_attn.q_proj.weight";
    try (TransformerRewardModel reward = TransformerRewardModel.load(out.resolve("model"));
        TransformerPolicy aligned = TransformerPolicy.load(adapter.resolve("model"));
        TransformerPolicy base = TransformerPolicy.load(model)) {
      double[] begun = values(reward.parameters(), query);
      assertThat(values(aligned.parameters(), query)).containsExactly(begun, within(1e-6));
      double[] before = values(base.parameters(), query);
      double moved =
          IntStream.range(0, begun.length)
              .mapToDouble(i -> Math.abs(begun[i] - before[i]))
              .max()
              .orElseThrow();
      assertThat(moved).isGreaterThan(1e-4);
    }
  }

  private static double[] values(Parameters parameters, String name) {
    return parameters.get(name).dup('c').data().asDouble();
  }

  /** The same adapter, byte for byte, whether the weights under it were read or are mapped. */
  @Test
  @Tag("cpu")
  void align_withMappedWeights_givesTheSameAdapterAndModel() {
    String lora = "--lora-rank 2 --max-new-tokens 8";
    Path read = directory.resolve("read");
    Path mapped = directory.resolve("mapped");
    alignBriefly(model, read, lora).succeeds();
    Cli align = alignBriefly(model, mapped, lora + " --mapped").succeeds();
    assertThat(align.out()).contains(" --mapped\n");
    assertThat(printedCommand(align, "--seed 3").succeeds().out())
        .isEqualTo(
            Cli.run("generate --policy %s --adapter %s --seed 3", model, read.resolve("adapter"))
                .succeeds()
                .out());
    for (String file : List.of("adapter/adapter_model.safetensors", "model/model.safetensors")) {
      assertThat(mapped.resolve(file)).hasSameBinaryContentAs(read.resolve(file));
    }
    Path layers = directory.resolve("mapped-layers");
    alignBriefly(model, layers, "--freeze-layers 1 --max-new-tokens 8 --mapped").succeeds();
    Cli generated = Cli.run("generate --policy %s --greedy", model);
    assertThat(Cli.run("generate --policy %s --greedy --mapped", model).out())
        .isEqualTo(generated.out());
  }

  @Test
  void align_ofTheWholeModelWithMappedWeights_isRefused() {
    alignBriefly(model, directory.resolve("whole"), "--mapped")
        .failsWith(
            2,
            "--mapped: expected with --lora-rank, --adapter, --freeze, --freeze-layers or a"
                + " reward model's directory, got none of them");
    assertThat(directory.resolve("whole")).doesNotExist();
  }
}
