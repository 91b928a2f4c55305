package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Ctrl-C, and {@code p3o resume}. */
@DisabledOnOs(OS.WINDOWS) // no signals to send from here
class ResumeTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory = Path.of("");

  private static Path data = Path.of("");
  private static Path model = Path.of("");

  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    data = StoryModel.stories(directory, 40);
    Path out = directory.resolve("start");
    Cli.run(sft(5, out)).succeeds();
    model = out.resolve("model");
  }

  private static ImmutableList<String> sft(int steps, Path out) {
    return sft(steps, data, out);
  }

  private static ImmutableList<String> sft(int steps, Path texts, Path out) {
    return Cli.words(
        "sft --tokenizer words --layers 1 --width 16 --heads 2 --context 40 --batch 4 --data %s"
            + " --steps %s --out %s",
        texts, steps, out);
  }

  private static ImmutableList<String> align(Path out) {
    return Cli.words(
        "align --reward cheerful --steps 60 --prompts-per-step 4 --evaluation-prompts 4"
            + " --max-new-tokens 8 --checkpoint-every 7 --policy %s --prompts %s --out %s",
        model, data, out);
  }

  private static ImmutableList<String> reward(Path out) {
    return Cli.words(
        "reward --sample-pairs 60 --gold cheerful --max-new-tokens 8 --batch 4 --steps 150"
            + " --policy %s --prompts %s --out %s",
        model, data, out);
  }

  /** Runs a command in a process of its own, interrupts it within its first steps. */
  private static void interrupt(List<String> arguments, Path run) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xmx512m", "-cp"));
    command.addAll(List.of(System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(arguments);
    Path output = run.resolveSibling(run.getFileName() + ".txt");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    Path metrics = run.resolve("metrics.jsonl");
    while (process.isAlive() && (!Files.exists(metrics) || Files.size(metrics) < 2000)) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
    process.destroy(); // SIGTERM: Ctrl-C's SIGINT takes the same way, but some parents ignore it
    int exitCode = process.waitFor();
    assertThat(exitCode)
        .as(Files.readString(output))
        .isEqualTo(143); // 128 + the signal; Ctrl-C gives 130
    assertThat(Files.readString(output)).contains("interrupted after step", "p3o resume " + run);
  }

  /** Without times. */
  private static List<JsonNode> metrics(Path run) throws IOException {
    List<JsonNode> metrics = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      ObjectNode values = (ObjectNode) JSON.readTree(line);
      values.remove(List.of("timing_s/sample", "timing_s/score", "timing_s/update"));
      metrics.add(values);
    }
    return metrics;
  }

  private static void assertSameResult(Path run, Path uninterrupted) throws IOException {
    assertThat(run.resolve("model/model.safetensors"))
        .hasSameBinaryContentAs(uninterrupted.resolve("model/model.safetensors"));
    assertThat(metrics(run)).isEqualTo(metrics(uninterrupted));
  }

  @Test
  void align_interruptedAndResumed_endsAsIfNothingHadHappened() throws Exception {
    Path run = directory.resolve("align");
    Path uninterrupted = directory.resolve("align-whole");
    interrupt(align(run), run);
    assertThat(run.resolve("model")).doesNotExist();
    assertThat(run.resolve("checkpoints")).isNotEmptyDirectory();
    // what a death after the last checkpoint leaves: steps that come again, a line cut off
    String more = "{\"stage\":\"p3o-v2\",\"step\":39,\"lr\":1}\n{\"stage\":\"p3o-v2\",\"st";
    Files.writeString(run.resolve("metrics.jsonl"), more, StandardOpenOption.APPEND);
    Files.writeString(run.resolve("rollouts.jsonl"), more, StandardOpenOption.APPEND);

    Cli resumed = Cli.run("resume %s", run).succeeds();

    assertThat(resumed.err()).contains("p3o-v2: on from step ");
    Cli.run(align(uninterrupted)).succeeds();
    assertSameResult(run, uninterrupted);
    for (String samples : List.of("samples.jsonl", "rollouts.jsonl")) {
      assertThat(run.resolve(samples)).hasSameTextualContentAs(uninterrupted.resolve(samples));
    }
    assertThat(Files.readAllLines(run.resolve("rollouts.jsonl"))).hasSize(12 * 4 * 2);
    assertThat(run.resolve("report.html")).isNotEmptyFile();
    Cli.run("resume %s", run).succeeds(); // of a run that is done: the same result again
    assertSameResult(run, uninterrupted);
  }

  @Test
  void sft_interruptedAndResumed_endsAsIfNothingHadHappened() throws Exception {
    Path run = directory.resolve("sft");
    Path uninterrupted = directory.resolve("sft-whole");
    interrupt(sft(400, run), run);
    Cli.run("resume %s", run).succeeds();
    Cli.run(sft(400, uninterrupted)).succeeds();
    assertSameResult(run, uninterrupted);
    assertThat(metrics(run).toString()).contains("sft-held-out");
    Cli.run("resume %s", run).succeeds(); // of a run that is done: the same result again
    assertSameResult(run, uninterrupted);
  }

  private static ImmutableList<String> adapter(int steps, Path out) {
    return Cli.words(
        "sft --lora-rank 2 --batch 4 --learning-rate 0.01 --warmup-updates 3 --weight-decay 0.1"
            + " --data %s --policy %s --steps %s --out %s",
        data, model, steps, out);
  }

  @Test
  void sftOfAnAdapter_interruptedAndResumed_endsAsIfNothingHadHappened() throws Exception {
    Path run = directory.resolve("sft-lora");
    Path uninterrupted = directory.resolve("sft-lora-whole");
    interrupt(adapter(400, run), run);
    assertThat(run.resolve("adapter")).doesNotExist();
    Cli.run("resume %s", run).succeeds();
    Cli.run(adapter(400, uninterrupted)).succeeds();
    assertSameResult(run, uninterrupted);
    assertThat(run.resolve("adapter/adapter_model.safetensors"))
        .hasSameBinaryContentAs(uninterrupted.resolve("adapter/adapter_model.safetensors"));
  }

  @Test
  void resume_withOtherSettingsOrAnotherModelUnderAnAdapter_isRefusedByName() throws Exception {
    Path run = directory.resolve("other-settings");
    Cli.run(adapter(3, run)).succeeds();
    Path file = run.resolve("run.json");
    String description = Files.readString(file);
    for (String option : List.of("--weight-decay", "--warmup-updates", "--lora-rank")) {
      ObjectNode changed = (ObjectNode) JSON.readTree(description);
      ArrayNode arguments = (ArrayNode) changed.path("arguments");
      for (int i = 1; i < arguments.size(); i++) {
        if (arguments.get(i - 1).asText().equals(option)) {
          arguments.set(i, "1");
        }
      }
      Files.writeString(file, changed.toString());
      Cli.run("resume %s", run)
          .failsWith(
              1,
              switch (option) {
                case "--weight-decay" ->
                    "optimizer.weightDecay: expected 0.1 as in the checkpoint, got 1.0";
                case "--warmup-updates" ->
                    "optimizer.warmupUpdates: expected 3 as in the checkpoint, got 1";
                default -> "lora_A.weight: expected FLOAT [2, 16] as in the checkpoint, got FLOAT";
              });
    }
    Path other = directory.resolve("sft-for-other");
    Cli.run(sft(6, other)).succeeds();
    Files.writeString(
        file, description.replace(model.toString(), other.resolve("model").toString()));
    Cli.run("resume %s", run).failsWith(1, "frozenParameters: expected ", " as in the checkpoint");
  }

  @Test
  void reward_interruptedAndResumed_endsAsIfNothingHadHappened() throws Exception {
    Path run = directory.resolve("reward");
    Path uninterrupted = directory.resolve("reward-whole");
    interrupt(reward(run), run);
    Cli.run("resume %s", run).succeeds();
    Cli.run(reward(uninterrupted)).succeeds();
    assertSameResult(run, uninterrupted);
    assertThat(metrics(run).toString()).contains("reward-held-out");
    Cli.run("resume %s", run).succeeds();
    assertSameResult(run, uninterrupted);
  }

  @Test
  void resume_withOtherData_isRefused() throws Exception {
    Path changed = Files.copy(data, directory.resolve("changed.jsonl"));
    Path run = directory.resolve("changed");
    Cli.run(sft(3, changed, run)).succeeds();
    Files.write(changed, Files.readAllLines(data).subList(1, 40));
    Cli.run("resume %s", run)
        .failsWith(2, "examples: expected 40 ", " as when the run began, got 39 ");
  }

  @Test
  void resume_ofNoRun_isRefused() throws IOException {
    Path empty = Files.createDirectories(directory.resolve("empty"));
    Cli.run("resume %s", empty).failsWith(2, "DIR: expected a run directory with a run.json");
    Files.writeString(
        empty.resolve("run.json"),
        "{\"command\": \"p3o generate\", \"arguments\": [\"generate\"]}");
    Cli.run("resume %s", empty).failsWith(2, "DIR: expected a run of p3o sft, reward or align");
  }
}
