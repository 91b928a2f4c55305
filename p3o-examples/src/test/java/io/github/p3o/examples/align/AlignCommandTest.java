package io.github.p3o.examples.align;

import static io.github.p3o.examples.StoryModel.alignBriefly;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.p3o.examples.Cli;
import io.github.p3o.examples.StoryModel;
import io.github.p3o.examples.quickstart.StoryGrammar;
import io.github.p3o.text.DataSets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code p3o align}, alone and behind {@code p3o reward}. */
class AlignCommandTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");

  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    model = StoryModel.in(directory).model();
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
            "reward --policy %s --sample-pairs 64 --gold cheerful --prompts %s --max-new-tokens 16"
                + " --steps 4 --out %s",
            model, prompts, reward);
    fitted.succeeds();
    assertThat(fitted.out()).contains("accuracy", "ideal", "confidence");

    Path config = Files.writeString(directory.resolve("trainer.yaml"), "promptsPerStep: 8\n");
    Cli align =
        Cli.run(
            "align --policy %s --reward %s --gold cheerful --prompts %s --config %s --loss p3o-v1"
                + " --responses-per-prompt 3 --steps 2 --evaluate-every 1 --evaluation-prompts 6"
                + " --max-new-tokens 16 --learning-rate 0.001 --out %s",
            model, reward.resolve("model"), prompts, config, aligned);
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
    Cli.run("generate --policy %s --greedy", aligned.resolve("model")).succeeds();
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
    Cli.run("sft --data %s --width 8 --heads 1 --steps 1 --out %s", text, bytes).succeeds();
    Path reward = directory.resolve("hh-reward");
    String common = "--policy %s --held-out 0.3 --seed 7 --steps 1";
    Path policy = bytes.resolve("model");
    Cli fitted =
        Cli.run("reward --data %s --data-format hh --out %s " + common, data, reward, policy);
    Path out = directory.resolve("hh-align");
    Cli align =
        Cli.run(
            "align --reward %s --prompts %s --format hh --prompts-per-step 4 --evaluation-prompts"
                + " 40 --max-new-tokens 2 --out %s "
                + common,
            reward.resolve("model"),
            data,
            out,
            policy);

    String sides = (40 - expected.size()) + " %s to learn from, " + expected.size() + " held out";
    assertThat(fitted.succeeds().out()).contains(String.format(Locale.ROOT, sides, "comparisons"));
    assertThat(align.succeeds().err()).contains(String.format(Locale.ROOT, sides, "prompts"));
    Set<String> judgedOn = new HashSet<>();
    for (String line : Files.readAllLines(out.resolve("samples.jsonl"))) {
      judgedOn.add(JSON.readTree(line).path("prompt").asText());
    }
    assertThat(judgedOn).isEqualTo(expected);
  }

  @Test
  void align_withStopTexts_endsResponsesThere() throws IOException {
    Path out = directory.resolve("stop");
    alignBriefly(model, out, "--max-new-tokens 24 --stop the --stop .").succeeds();

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
    alignBriefly(model, directory.resolve("stop2"), "--max-new-tokens 8 --stop %s", "")
        .failsWith(2, "--stop: strings: expected no empty one, got one");
  }

  @Test
  void align_whereNoResponseEnds_raisesAnAlarmThatSaysWhatMayHelp() throws IOException {
    Path out = directory.resolve("cut-off");
    Cli align = alignBriefly(model, out, "--max-new-tokens 1").succeeds();

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
    alignBriefly(model, out, "--max-new-tokens 8 --preset 125m --prompts-per-update 4").succeeds();

    assertThat(JSON.readTree(out.resolve("run.json").toFile()).path("stopTexts"))
        .isEqualTo(JSON.readTree("[\"Human:\", \"Assistant:\"]"));
  }

  @Test
  void align_byPpo_leavesALanguageModelWithoutTheValueHead() throws IOException {
    Path out = directory.resolve("ppo");
    Cli align =
        Cli.run(
            "align --policy %s --reward sentiment --loss ppo --learning-rate 0.01 --steps 2"
                + " --prompts-per-step 4 --evaluation-prompts 4 --max-new-tokens 12 --out %s",
            model, out);

    align.succeeds();
    assertThat(align.out()).contains("before", "ppo");
    assertThat(Files.readString(out.resolve("metrics.jsonl")))
        .contains("loss/value_avg", "val/clipfrac_avg");
    byte[] before = Files.readAllBytes(model.resolve("model.safetensors"));
    byte[] after = Files.readAllBytes(out.resolve("model/model.safetensors"));
    assertThat(after).hasSameSizeAs(before).isNotEqualTo(before);
    Cli.run("generate --policy %s --greedy", out.resolve("model")).succeeds();
  }

  @Test
  void align_byAnObjectiveWithoutRatios_usesEachRolloutOnce() throws IOException {
    Path out = directory.resolve("vpg");
    Cli.run(
            "align --policy %s --reward sentiment --loss vpg --steps 1 --prompts-per-step 4"
                + " --evaluation-prompts 4 --max-new-tokens 8 --out %s",
            model, out)
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
            "align --policy %s --reward sentiment --prompt %s --steps 1 --prompts-per-step 4"
                + " --evaluation-prompts 4 --max-new-tokens 12 --out %s",
            model, "one day the big king", out);

    align.succeeds();
    assertThat(align.out()).contains("one day the big king ...", "before", "p3o-v2");
    assertThat(align.err()).contains("1 prompt, none held out");
    assertJudgedOnItsTraining(out);
  }

  @Test
  void align_onOnePromptManyTimes_holdsNoneOut() throws IOException {
    Path prompts = directory.resolve("ten.jsonl");
    Files.writeString(prompts, "{\"prompt\": \"one day the big king\"}\n".repeat(10));
    Path out = directory.resolve("ten");
    Cli align = alignBriefly(model, out, "--prompts %s --max-new-tokens 8", prompts).succeeds();

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
}
