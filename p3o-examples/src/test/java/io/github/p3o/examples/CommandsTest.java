package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ObjectArrays;
import io.github.p3o.Parameters;
import io.github.p3o.examples.quickstart.StoryGrammar;
import io.github.p3o.text.DataSets;
import io.github.p3o.transformer.TensorFiles;
import io.github.p3o.transformer.TransformerPolicy;
import io.github.p3o.transformer.TransformerRewardModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Every command once, on a language model as small as can be. */
class CommandsTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");

  /** {@code p3o sft} makes the model that the other commands read. */
  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    List<String> lines = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 60; i++) {
      String prompt = StoryGrammar.prompts().get(i);
      String line =
          JSON.createObjectNode()
              .put("prompt", prompt)
              .put("completion", " " + StoryGrammar.story(prompt, random))
              .toString();
      lines.add(line);
    }
    Path data = Files.write(directory.resolve("stories.jsonl"), lines);
    Path out = directory.resolve("sft");

    Cli sft =
        Cli.run(
            "sft",
            "--data",
            data,
            "--tokenizer",
            "words",
            "--layers",
            1,
            "--width",
            16,
            "--heads",
            2,
            "--context",
            40,
            "--steps",
            30,
            "--batch",
            16,
            "--learning-rate",
            0.01,
            "--out",
            out);

    sft.succeeds();
    assertThat(sft.out()).contains("Held-out loss on 6 texts");
    assertThat(sft.err()).contains("sft").contains("30/30");
    model = out.resolve("model");
  }

  @Test
  void sft_leavesARunDirectory() throws IOException {
    assertThat(model)
        .isDirectoryContaining("glob:**config.json")
        .isDirectoryContaining("glob:**model.safetensors")
        .isDirectoryContaining("glob:**tokenizer.json");
    JsonNode run = JSON.readTree(directory.resolve("sft/run.json").toFile());
    assertThat(run.path("command").asText()).isEqualTo("p3o sft");
    assertThat(run.path("options").path("--seed").asText()).isEqualTo("0");
    assertThat(run.path("environment").path("nd4j").asText()).isEqualTo("1.0.0-M1.1");
    assertThat(run.path("seconds").asDouble()).isPositive();
    assertThat(Files.readAllLines(directory.resolve("sft/metrics.jsonl"))).hasSize(31);
  }

  @Test
  void sft_ofBytes_goesOnWithItsOwnResult() throws IOException {
    Path data = Files.writeString(directory.resolve("texts.jsonl"), "{\"text\": \"abab\"}\n");
    Path first = directory.resolve("bytes");
    Path second = directory.resolve("bytes2");

    Cli.run("sft", "--data", data, "--width", 16, "--heads", 2, "--steps", 2, "--out", first)
        .succeeds();
    Cli.run(
            "sft",
            "--data",
            data,
            "--policy",
            first.resolve("model"),
            "--steps",
            2,
            "--out",
            second)
        .succeeds();

    Cli.run("generate", "--policy", second.resolve("model"), "--max-new-tokens", 5).succeeds();
  }

  @Test
  void generate_withSeed_repeatsItself() {
    Object[] command = {
      "generate",
      "--policy",
      model,
      "--prompt",
      "one day the little dog",
      "--count",
      2,
      "--seed",
      5,
      "--max-new-tokens",
      20
    };

    Cli first = Cli.run(command).succeeds();

    assertThat(first.out()).startsWith("one day the little dog ");
    assertThat(first.out().lines()).hasSize(2);
    assertThat(Cli.run(command).out()).isEqualTo(first.out());
  }

  @Test
  void reward_thenAlign_leaveModelsAndAReport() throws IOException {
    Path reward = directory.resolve("reward");
    Path aligned = directory.resolve("aligned");
    Path prompts = directory.resolve("prompts.jsonl");
    Files.write(
        prompts,
        StoryGrammar.prompts().stream().limit(30).map(p -> "{\"prompt\": \"" + p + "\"}").toList());

    Cli fitted =
        Cli.run(
            "reward",
            "--policy",
            model,
            "--sample-pairs",
            64,
            "--gold",
            "cheerful",
            "--prompts",
            prompts,
            "--max-new-tokens",
            16,
            "--steps",
            4,
            "--out",
            reward);
    fitted.succeeds();
    assertThat(fitted.out()).contains("accuracy", "ideal", "confidence");

    Path config = Files.writeString(directory.resolve("trainer.yaml"), "promptsPerStep: 8\n");
    Cli align =
        Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            reward.resolve("model"),
            "--gold",
            "cheerful",
            "--prompts",
            prompts,
            "--config",
            config,
            "--loss",
            "p3o-v1",
            "--responses-per-prompt",
            3,
            "--steps",
            2,
            "--evaluate-every",
            1,
            "--evaluation-prompts",
            6,
            "--max-new-tokens",
            16,
            "--learning-rate",
            0.001,
            "--out",
            aligned);
    align.succeeds();

    assertThat(align.out()).contains("before", "p3o-v1", "KL").doesNotContain("one day the");
    assertThat(aligned)
        .isDirectoryContaining("glob:**report.html")
        .isDirectoryContaining("glob:**kl-reward.png")
        .isDirectoryContaining("glob:**samples.jsonl");
    JsonNode trainer = JSON.readTree(aligned.resolve("run.json").toFile()).path("trainer");
    assertThat(trainer.path("promptsPerStep").asInt()).isEqualTo(8);
    assertThat(trainer.path("promptsPerUpdate").asInt()).isEqualTo(8);
    assertThat(trainer.path("responsesPerPrompt").asInt()).isEqualTo(3);
    assertThat(trainer.path("optimizer").path("learningRate").asDouble()).isEqualTo(0.001);
    Cli.run("generate", "--policy", aligned.resolve("model"), "--greedy").succeeds();
  }

  @Test
  void reward_ofAFile_countsWhatItTruncates() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      lines
          .append("{\"prompt\": \"one day the little dog ")
          .append("big ".repeat(i))
          .append("\", \"chosen\": \" he smiled .\", \"rejected\": \" he cried .\"}\n");
    }
    Path data = Files.writeString(directory.resolve("pairs.jsonl"), lines.toString());

    Cli reward =
        Cli.run(
            "reward",
            "--policy",
            model,
            "--data",
            data,
            "--max-tokens",
            16,
            "--held-out",
            0.4,
            "--steps",
            2,
            "--out",
            directory.resolve("reward2"));

    reward.succeeds();
    assertThat(reward.err()).contains("13 of 20 comparisons truncated from the left to 16 tokens");
    assertThat(reward.out()).contains("unknown");
  }

  /** One comparison an update: its loss is that of its two rewards. */
  @Test
  void reward_withMarginAndCenter_minimisesThatObjective() throws IOException {
    Path out = directory.resolve("reward-margin");
    Cli.run(
            "reward",
            "--policy",
            model,
            "--sample-pairs",
            40,
            "--gold",
            "cheerful",
            "--max-new-tokens",
            8,
            "--batch",
            1,
            "--steps",
            6,
            "--learning-rate",
            0.05,
            "--margin",
            0.75,
            "--center",
            2,
            "--out",
            out)
        .succeeds();

    List<JsonNode> steps = new ArrayList<>();
    for (String line : Files.readAllLines(out.resolve("metrics.jsonl"))) {
      JsonNode step = JSON.readTree(line);
      if (step.path("stage").asText().equals("reward")) {
        steps.add(step);
      }
    }
    assertThat(steps).hasSize(6);
    for (JsonNode step : steps) {
      double chosen = step.path("rewards/chosen").asDouble();
      double rejected = step.path("rewards/rejected").asDouble();
      double sum = chosen + rejected;
      assertThat(step.path("loss").asDouble())
          .isCloseTo(Math.log1p(Math.exp(rejected - chosen + 0.75)) + 2 * sum * sum, within(1e-9));
    }
    JsonNode last = steps.get(5);
    assertThat(last.path("rewards/chosen").asDouble() + last.path("rewards/rejected").asDouble())
        .isNotZero(); // so that the centering counts
  }

  @Test
  void sft_ofFewTextsAtOnce_learnsTheSameUpToRounding() throws IOException {
    List<Double> losses = new ArrayList<>();
    for (int atOnce : new int[] {1, 64}) {
      Path out = directory.resolve("at-once-" + atOnce);
      Cli.run(
              "sft",
              "--data",
              directory.resolve("stories.jsonl"),
              "--policy",
              model,
              "--steps",
              3,
              "--batch",
              8,
              "--micro-batch",
              atOnce,
              "--out",
              out)
          .succeeds();
      List<String> lines = Files.readAllLines(out.resolve("metrics.jsonl"));
      losses.add(JSON.readTree(lines.get(lines.size() - 1)).path("loss").asDouble());
    }
    assertThat(losses.get(0)).isPositive().isCloseTo(losses.get(1), within(1e-4));
  }

  @Test
  void reward_withAnAdapter_leavesAMergedModel() throws IOException {
    Path out = directory.resolve("reward-lora");
    Cli.run(
            "reward",
            "--policy",
            model,
            "--sample-pairs",
            16,
            "--max-new-tokens",
            12,
            "--steps",
            2,
            "--lora-rank",
            2,
            "--out",
            out)
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

  /** The command that a run printed, with other options behind it. */
  private static Cli printedCommand(Cli run, Object... more) {
    Matcher command = Pattern.compile("(?m)to sample: p3o (generate .*)$").matcher(run.out());
    assertThat(command.find()).as(run.out()).isTrue();
    Object[] given = Splitter.on(' ').splitToStream(command.group(1)).toArray();
    return Cli.run(ObjectArrays.concat(given, more, Object.class));
  }

  private static String generated(Path policy, Object... more) {
    Object[] command = {"generate", "--policy", policy};
    return Cli.run(ObjectArrays.concat(command, more, Object.class)).succeeds().out();
  }

  @Test
  void sft_withAnAdapter_leavesAdapterAndMergedModel() throws IOException {
    Path out = directory.resolve("sft-lora");
    Cli sft =
        Cli.run(
                "sft",
                "--policy",
                model,
                "--data",
                directory.resolve("stories.jsonl"),
                "--lora-rank",
                4,
                "--lora-target",
                "q_proj,v_proj,o_proj,down_proj",
                "--learning-rate",
                0.05,
                "--steps",
                12,
                "--out",
                out)
            .succeeds();

    assertThat(out.resolve("model")).isDirectoryContaining("glob:**tokenizer.json");
    try (TransformerPolicy base = TransformerPolicy.load(model);
        TransformerPolicy adapted = base.loadAdapter(out.resolve("adapter"));
        TransformerPolicy merged = adapted.merged();
        TransformerPolicy saved = TransformerPolicy.load(out.resolve("model"))) {
      assertThat(adapted.adapter().orElseThrow().rank()).isEqualTo(4);
      assertThat(saved.parameters().vector()).isEqualTo(merged.parameters().vector());
    }
    Object[] greedy = {
      "--prompt", "one day the big king", "--greedy", "--min-new-tokens", 20, "--max-new-tokens", 30
    };
    String before = generated(model, greedy);
    String after = generated(out.resolve("model"), greedy);
    assertThat(after).isNotEqualTo(before);
    assertThat(printedCommand(sft, greedy).succeeds().out()).isEqualTo(after);
    Path prompts = directory.resolve("one-prompt.jsonl");
    Files.writeString(prompts, "{\"prompt\": \"one day the big king\"}\n");
    Path cup = directory.resolve("lora-cup");
    Cli.run(
            "tournament",
            "--policy",
            "base=" + model,
            "--policy",
            "same=" + model,
            "--policy",
            "adapted=" + model,
            "--adapter",
            "adapted=" + out.resolve("adapter"),
            "--prompts",
            prompts,
            "--max-new-tokens",
            24,
            "--judge",
            "cheerful",
            "--out",
            cup)
        .succeeds();
    JsonNode answers = JSON.readTree(cup.resolve("samples.jsonl").toFile());
    assertThat(answers.path("same")).isEqualTo(answers.path("base"));
    assertThat(answers.path("adapted")).isNotEqualTo(answers.path("base"));
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
    List<Object> arguments =
        new ArrayList<>(List.of(command, "--policy", model, "--out", out, "--steps", 2));
    arguments.addAll(List.of("--learning-rate", 1e-3, "--weight-decay", 500));
    arguments.addAll(List.of("--warmup-updates", warmup));
    arguments.addAll(
        command.equals("sft")
            ? List.of("--data", directory.resolve("stories.jsonl"))
            : List.of("--sample-pairs", 16, "--max-new-tokens", 12));
    Cli.run(arguments.toArray()).succeeds();

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
  @CsvSource({"align, p3o-v2", "align, ppo", "reward, ''", "sft, ''"})
  void train_withAPartFrozen_leavesThatPartToTheBit(String command, String loss)
      throws IOException {
    Path out = directory.resolve("frozen-" + command + loss);
    List<Object> arguments = new ArrayList<>(List.of(command, "--policy", model, "--out", out));
    arguments.addAll(List.of("--freeze", "embed_tokens,mlp", "--steps", 2));
    switch (command) {
      case "align" -> {
        arguments.addAll(List.of("--reward", "sentiment", "--prompt", "one day the big king"));
        arguments.addAll(List.of("--prompts-per-step", 4, "--evaluation-prompts", 4));
        arguments.addAll(List.of("--max-new-tokens", 12, "--loss", loss));
      }
      case "reward" -> arguments.addAll(List.of("--sample-pairs", 16, "--max-new-tokens", 12));
      default -> arguments.addAll(List.of("--data", directory.resolve("stories.jsonl")));
    }
    Cli.run(arguments.toArray()).succeeds();

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

  private static Cli alignBriefly(Path out, Object... more) {
    List<Object> arguments = new ArrayList<>();
    arguments.addAll(List.of("align", "--policy", model, "--reward", "sentiment", "--out", out));
    arguments.addAll(List.of("--steps", 1, "--prompts-per-step", 4, "--evaluation-prompts", 8));
    arguments.addAll(List.of(more));
    return Cli.run(arguments.toArray());
  }

  @Test
  void align_withStopTexts_endsResponsesThere() throws IOException {
    Path out = directory.resolve("stop");
    alignBriefly(out, "--max-new-tokens", 24, "--stop", "the", "--stop", ".").succeeds();

    List<String> texts = new ArrayList<>();
    for (String line : Files.readAllLines(out.resolve("samples.jsonl"))) {
      JSON.readTree(line)
          .properties()
          .forEach(
              answer -> {
                if (!answer.getKey().equals("prompt")) {
                  texts.add(answer.getValue().asText());
                }
              });
    }
    // A response ends with the token that completes a stop text, such as "father".
    assertThat(texts)
        .isNotEmpty()
        .allMatch(text -> text.matches("(?s)((?!the|\\.).)*((the|\\.)\\w*)?"))
        .anyMatch(text -> text.contains("the"));
    alignBriefly(directory.resolve("stop2"), "--max-new-tokens", 8, "--stop", "")
        .failsWith(2, "--stop: strings: expected no empty one, got one");
  }

  @Test
  void align_whereNoResponseEnds_raisesAnAlarmThatSaysWhatMayHelp() throws IOException {
    Path out = directory.resolve("cut-off");
    Cli align = alignBriefly(out, "--max-new-tokens", 1).succeeds();

    String alarm =
        "ALL_TRUNCATED: completions/clipped_ratio: expected below 1.000, got 1.000; rewards are of"
            + " beginnings; more new tokens allow for ends";
    assertThat(align.err()).contains("alarm at step 0: " + alarm);
    assertThat(out.resolve("report.html"))
        .content()
        .contains(alarm)
        .doesNotContain("ALL_TRUNCATED: ALL_TRUNCATED");
  }

  @Test
  void align_withAPreset_endsResponsesAtItsTexts() throws IOException {
    Path out = directory.resolve("preset");
    alignBriefly(out, "--max-new-tokens", 8, "--preset", "125m", "--prompts-per-update", 4)
        .succeeds();

    assertThat(JSON.readTree(out.resolve("run.json").toFile()).path("stopTexts"))
        .isEqualTo(JSON.readTree("[\"Human:\", \"Assistant:\"]"));
  }

  @Test
  void sft_ofMessagesByTheModelsTemplate_writesThemSo() throws IOException {
    Path data =
        Files.writeString(
            directory.resolve("messages.jsonl"),
            """
            {"messages": [{"role": "user", "content": "the big dog"},
             {"role": "assistant", "content": "smiled ."}]}
            """
                .replace("\n ", " "));
    Path start = directory.resolve("chat");
    Files.createDirectories(start);
    for (String file :
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(model.resolve(file), start.resolve(file));
    }
    Object[] sft = {
      "sft",
      "--policy",
      start,
      "--data",
      data,
      "--data-format",
      "messages",
      "--chat-template",
      "model",
      "--steps",
      1,
      "--batch",
      1,
      "--out",
      directory.resolve("chat-out")
    };
    Cli.run(sft).failsWith(2, "--chat-template: ", "expected a chat_template");

    Files.writeString(
        start.resolve("chat_template.jinja"),
        "{% for m in messages %}one day {{ m.content }} {% endfor %}"
            + "{% if add_generation_prompt %}one day {% endif %}");
    assertThat(Cli.run(sft).succeeds().err()).contains("1 sequences, 10 tokens");
    assertThat(directory.resolve("chat-out/model/chat_template.jinja")).exists();
  }

  @Test
  void align_byPpo_leavesALanguageModelWithoutTheValueHead() throws IOException {
    Path out = directory.resolve("ppo");
    Cli align =
        Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--loss",
            "ppo",
            "--learning-rate",
            0.01,
            "--steps",
            2,
            "--prompts-per-step",
            4,
            "--evaluation-prompts",
            4,
            "--max-new-tokens",
            12,
            "--out",
            out);

    align.succeeds();
    assertThat(align.out()).contains("before", "ppo");
    assertThat(Files.readString(out.resolve("metrics.jsonl")))
        .contains("loss/value_avg", "val/clipfrac_avg");
    byte[] before = Files.readAllBytes(model.resolve("model.safetensors"));
    byte[] after = Files.readAllBytes(out.resolve("model/model.safetensors"));
    assertThat(after).hasSameSizeAs(before).isNotEqualTo(before);
    Cli.run("generate", "--policy", out.resolve("model"), "--greedy").succeeds();
  }

  @Test
  void align_byAnObjectiveWithoutRatios_usesEachRolloutOnce() throws IOException {
    Path out = directory.resolve("vpg");
    Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--loss",
            "vpg",
            "--steps",
            1,
            "--prompts-per-step",
            4,
            "--evaluation-prompts",
            4,
            "--max-new-tokens",
            8,
            "--out",
            out)
        .succeeds();
    JsonNode trainer = JSON.readTree(out.resolve("run.json").toFile()).path("trainer");
    assertThat(trainer.path("epochsPerStep").asInt()).isEqualTo(1);
    assertThat(Files.readString(out.resolve("metrics.jsonl"))).contains("\"policy/updates\":1.0");
    assertThat(Files.readAllLines(out.resolve("rollouts.jsonl"))).hasSize(8);
  }

  @Test
  void align_withAGoldScorer_showsSamples() throws IOException {
    Path out = directory.resolve("gold");
    Cli align =
        Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--prompt",
            "one day the big king",
            "--steps",
            1,
            "--prompts-per-step",
            4,
            "--evaluation-prompts",
            4,
            "--max-new-tokens",
            12,
            "--out",
            out);

    align.succeeds();
    assertThat(align.out()).contains("one day the big king ...", "before", "p3o-v2");
    assertThat(align.err()).contains("1 prompt, none held out");
    assertJudgedOnItsTraining(out);
  }

  private static void assertJudgedOnItsTraining(Path run) throws IOException {
    assertThat(Files.readString(run.resolve("metrics.jsonl")))
        .contains("\"p3o-v2-judged\"")
        .doesNotContain("held-out");
    assertThat(Files.readString(run.resolve("report.html")))
        .contains(
            "on the way and after, on the prompts of the training, as none was held out.",
            "Each point is an evaluation on the prompts of the training, as none was held out.")
        .doesNotContain("held-out prompts");
  }

  @Test
  void align_onOnePromptManyTimes_holdsNoneOut() throws IOException {
    Path prompts = directory.resolve("ten.jsonl");
    Files.writeString(prompts, "{\"prompt\": \"one day the big king\"}\n".repeat(10));
    Path out = directory.resolve("ten");
    Cli align = alignBriefly(out, "--prompts", prompts, "--max-new-tokens", 8).succeeds();

    assertThat(align.err()).contains("1 prompt, none held out");
    assertJudgedOnItsTraining(out);
  }

  /** A comparison each; of bytes, so that a prompt's tokens are its text. */
  @Test
  void rewardAndAlign_ofTheSameDialogues_holdOutTheSamePrompts() throws IOException {
    StringBuilder lines = new StringBuilder();
    Set<String> expected = new HashSet<>();
    for (int i = 0; i < 40; i++) {
      String asked = "Human: " + i;
      String prompt = "\n\n" + asked + "\n\nAssistant:";
      if (DataSets.isHeldOut(prompt, 0.3, 7)) {
        expected.add(asked + "\n\nAssistant:");
      }
      ObjectNode line = JSON.createObjectNode();
      line.put("chosen", prompt + " yes").put("rejected", prompt + " no");
      lines.append(line).append('\n');
    }
    Path data = Files.writeString(directory.resolve("hh.jsonl"), lines.toString());
    Path bytes = directory.resolve("hh-policy");
    Path text = Files.writeString(directory.resolve("hh-text.jsonl"), "{\"text\": \"a\"}\n");
    Cli.run("sft", "--data", text, "--width", 8, "--heads", 1, "--steps", 1, "--out", bytes)
        .succeeds();
    Path reward = directory.resolve("hh-reward");
    Object[] common = {"--policy", bytes.resolve("model"), "--held-out", 0.3, "--seed", 7};
    Cli fitted =
        Cli.run(
            with(
                common,
                "reward",
                "--data",
                data,
                "--data-format",
                "hh",
                "--steps",
                1,
                "--out",
                reward));
    Path out = directory.resolve("hh-align");
    Cli align =
        Cli.run(
            with(
                common,
                "align",
                "--reward",
                reward.resolve("model"),
                "--prompts",
                data,
                "--format",
                "hh",
                "--steps",
                1,
                "--prompts-per-step",
                4,
                "--evaluation-prompts",
                40,
                "--max-new-tokens",
                2,
                "--out",
                out));

    String sides = (40 - expected.size()) + " %s to learn from, " + expected.size() + " held out";
    assertThat(fitted.succeeds().out()).contains(String.format(sides, "comparisons"));
    assertThat(align.succeeds().err()).contains(String.format(sides, "prompts"));
    Set<String> judgedOn = new HashSet<>();
    for (String line : Files.readAllLines(out.resolve("samples.jsonl"))) {
      judgedOn.add(JSON.readTree(line).path("prompt").asText());
    }
    assertThat(judgedOn).isEqualTo(expected);
  }

  private static Object[] with(Object[] common, Object... command) {
    return Stream.concat(Arrays.stream(command), Arrays.stream(common)).toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"p3o-v2", "ppo"})
  void align_withAnAdapter_leavesAdapterAndMergedModel(String loss) {
    Path out = directory.resolve("lora-" + loss);
    Cli align =
        Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--prompt",
            "one day the big king",
            "--steps",
            2,
            "--prompts-per-step",
            4,
            "--evaluation-prompts",
            4,
            "--max-new-tokens",
            12,
            "--lora-rank",
            2,
            "--lora-target",
            "q_proj,o_proj",
            "--loss",
            loss,
            "--out",
            out);

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
    Cli sampled = Cli.run("generate", "--policy", out.resolve("model"), "--greedy").succeeds();
    assertThat(printedCommand(align, "--greedy").succeeds().out()).isEqualTo(sampled.out());
  }

  /** The reference is the policy as it begins, adapter included: nothing is between them yet. */
  @Test
  void align_fromAnAdapter_goesOnWithItAndHasItAsReference() throws IOException {
    Object[] lora = {"--lora-rank", 2, "--max-new-tokens", 8, "--learning-rate", 0.01};
    Path first = directory.resolve("first-adapter");
    alignBriefly(first, lora).succeeds();
    Path out = directory.resolve("second-adapter");
    Cli align =
        alignBriefly(out, "--adapter", first.resolve("adapter"), "--max-new-tokens", 8).succeeds();
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
    alignBriefly(adapter, "--lora-rank", 2, "--max-new-tokens", 8, "--learning-rate", 0.01)
        .succeeds();
    Path out = directory.resolve("reward-of-adapter");
    Object[] command = {"reward", "--policy", model, "--sample-pairs", 40, "--max-new-tokens", 8};
    Object[] briefly = {"--steps", 1, "--learning-rate", 1e-9, "--out", out};
    Object[] begin = {"--adapter", adapter.resolve("adapter")};
    Cli.run(
            ObjectArrays.concat(
                command, ObjectArrays.concat(briefly, begin, Object.class), Object.class))
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
    Object[] lora = {"--lora-rank", 2, "--max-new-tokens", 8};
    Path read = directory.resolve("read");
    Path mapped = directory.resolve("mapped");
    alignBriefly(read, lora).succeeds();
    Cli align = alignBriefly(mapped, ObjectArrays.concat(lora, "--mapped")).succeeds();
    assertThat(align.out()).contains(" --mapped\n");
    assertThat(printedCommand(align, "--seed", 3).succeeds().out())
        .isEqualTo(
            Cli.run(
                    "generate",
                    "--policy",
                    model,
                    "--adapter",
                    read.resolve("adapter"),
                    "--seed",
                    3)
                .succeeds()
                .out());
    for (String file : List.of("adapter/adapter_model.safetensors", "model/model.safetensors")) {
      assertThat(mapped.resolve(file)).hasSameBinaryContentAs(read.resolve(file));
    }
    Path layers = directory.resolve("mapped-layers");
    alignBriefly(layers, "--freeze-layers", 1, "--max-new-tokens", 8, "--mapped").succeeds();
    Cli generated = Cli.run("generate", "--policy", model, "--greedy");
    assertThat(Cli.run("generate", "--policy", model, "--greedy", "--mapped").out())
        .isEqualTo(generated.out());
  }

  @Test
  void align_ofTheWholeModelWithMappedWeights_isRefused() {
    alignBriefly(directory.resolve("whole"), "--mapped")
        .failsWith(
            2,
            "--mapped: expected with --lora-rank, --adapter, --freeze, --freeze-layers or a"
                + " reward model's directory, got none of them");
    assertThat(directory.resolve("whole")).doesNotExist();
  }

  @Test
  void generate_withTruncation_obeysIt() {
    Cli.run(
            "generate",
            "--policy",
            model,
            "--prompt",
            "one day the little dog",
            "--top-k",
            3,
            "--top-p",
            0.9,
            "--min-p",
            0.1,
            "--repetition-penalty",
            1.2,
            "--min-new-tokens",
            2,
            "--max-new-tokens",
            20)
        .succeeds();
    Cli likeliest = Cli.run("generate", "--policy", model, "--top-k", 1, "--seed", 3).succeeds();
    assertThat(likeliest.out())
        .isEqualTo(Cli.run("generate", "--policy", model, "--greedy").succeeds().out());
    String prompt = "one day the little dog";
    String whole =
        Cli.run("generate", "--policy", model, "--prompt", prompt, "--greedy").succeeds().out();
    String word = whole.substring(prompt.length()).strip().split(" ", -1)[1];
    Cli stopped =
        Cli.run("generate", "--policy", model, "--prompt", prompt, "--greedy", "--stop", word);
    assertThat(whole).startsWith(stopped.succeeds().out().strip());
    assertThat(stopped.out().strip()).endsWith(word);
    assertThat(stopped.out().length()).isLessThan(whole.length());
  }

  @Test
  void sft_ofMessages_holdsOutWholePrompts() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      lines.append(
          String.format(
              "{\"messages\": [{\"role\": \"user\", \"content\": \"q%d\"},"
                  + " {\"role\": \"assistant\", \"content\": \"a%d\"}]}%n",
              i / 3, i));
    }
    Path data = Files.writeString(directory.resolve("messages.jsonl"), lines.toString());

    Cli sft =
        Cli.run(
            "sft",
            "--data",
            data,
            "--data-format",
            "messages",
            "--chat-template",
            "chatml",
            "--width",
            16,
            "--heads",
            2,
            "--held-out",
            0.25,
            "--steps",
            1,
            "--out",
            directory.resolve("messages"));

    sft.succeeds();
    assertThat(sft.err()).contains("texts: 12 sequences, ", ", 0 cut to ");
    assertThat(sft.out()).contains("Held-out loss on 3 texts");
  }

  @Test
  void reward_ofSummaries_readsTldrComparisons() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      lines.append(
          String.format(
              "{\"info\": {\"subreddit\": \"s\", \"title\": \"t\", \"post\": \"one day %d\"},"
                  + " \"summaries\": [{\"text\": \" the dog\"}, {\"text\": \" he\"}],"
                  + " \"choice\": %d}%n",
              i, i % 2));
    }
    Path data = Files.writeString(directory.resolve("tldr.jsonl"), lines.toString());

    Cli.run(
            "reward",
            "--policy",
            model,
            "--data",
            data,
            "--data-format",
            "tldr",
            "--held-out",
            0.4,
            "--steps",
            1,
            "--out",
            directory.resolve("tldr"))
        .succeeds();
  }
}
