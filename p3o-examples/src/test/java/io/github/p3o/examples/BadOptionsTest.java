package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user gets for options that cannot be: one line that names them, and an exit code. */
class BadOptionsTest {

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");

  @BeforeAll
  static void makesAModel() throws IOException {
    model = Cli.tinyModel(directory);
  }

  private static Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  @Test
  void unknownOption_suggestsTheNearest() {
    Cli.run("generate --polcy x")
        .failsWith(2, "Unknown option", "--polcy", "Possible solutions: --policy", "--help");
  }

  @Test
  void unknownCommand_suggestsTheNearest() {
    Cli.run("algn").failsWith(2, "algn", "p3o align");
    Cli.run("")
        .failsWith(2, "expected a command: quickstart, sft, reward, align, resume, generate");
  }

  @Test
  void unknownChoice_listsEachNameOnce() {
    Cli.run("certify --policy tabular,table")
        .failsWith(2, "'--policy'", "expected one of [tabular, transformer], got 'table'");
    Cli.run("align --policy %s --reward sentiment --loss PPO_sequences", model)
        .failsWith(2, "'--loss'", "ppo, ppo-sequence], got 'PPO_sequences'");
  }

  @Test
  void unknownReward_listsTheKnown() {
    Cli.run("align --policy %s --reward sentimental", model)
        .failsWith(2, "--reward: expected a directory or one of [sentiment, cheerful]");
  }

  @Test
  void loraOptions_thatMeanNothing_areRefused() {
    Cli.run("align --policy %s --reward sentiment --lora-alpha 4", model)
        .failsWith(2, "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    Cli.run(
            "align --policy %s --reward sentiment --prompt a --max-new-tokens 4 --lora-rank 0",
            model)
        .failsWith(2, "--lora-rank: expected at least 1, got 0");
    Cli.run("reward --policy %s --sample-pairs 4 --lora-target q_proj", model)
        .failsWith(2, "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    Cli.run("sft --policy %s --data x.jsonl --lora-alpha 2", model)
        .failsWith(2, "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    Cli.run("sft --data x.jsonl --lora-rank 2")
        .failsWith(2, "--lora-rank: expected with --policy, a model that has learned, got a new");
    Cli.run("sft --data x.jsonl --adapter x")
        .failsWith(2, "--adapter: expected with --policy, a model that has learned, got a new one");
    Cli.run("sft --policy %s --data x.jsonl --adapter x --lora-rank 2", model)
        .failsWith(2, "--adapter, --lora-rank: expected at most one of them, got both; an adapter");
    Cli.run("reward --policy %s --sample-pairs 4 --adapter x --untrained", model)
        .failsWith(2, "--adapter: expected without --untrained, which takes random weights");
    Cli.run(List.of("generate", "--policy", model.toString(), "--stop", ""))
        .failsWith(2, "--stop: expected a text, got an empty one");
    Cli.run("generate --policy %s --max-new-tokens 4 --top-p 0", model)
        .failsWith(2, "--top-p: expected a value in (0, 1], got 0.0");
  }

  @Test
  void options_thatMeanNothingBesideOthers_areRefused() {
    Cli.run("sft --policy %s --data x.jsonl --layers 4 --tokenizer bytes", model)
        .failsWith(2, "--layers, --tokenizer: expected without --policy, a model that has these");
    Cli.run("reward --policy %s --data x.jsonl --gold cheerful", model)
        .failsWith(2, "--gold: expected with --sample-pairs, got --data, which has prompts and");
    Cli.run("reward --policy %s --sample-pairs 4 --max-tokens 9", model)
        .failsWith(2, "--max-tokens: expected with --data, got --sample-pairs");
    Cli.run("generate --policy %s --prompt a --format hh", model)
        .failsWith(2, "--format: expected with --prompts, got none");
    Cli.run("generate --policy %s --greedy --top-k 3 --temperature 2", model)
        .failsWith(2, "--top-k, --temperature: expected without --greedy, which takes the");
    Cli.run("generate --policy %s --temperature 0", model)
        .failsWith(2, "--temperature: expected a finite number > 0, got 0; --greedy takes the");
  }

  @Test
  void freezeOptions_thatMeanNothing_areRefused() {
    Cli.run("align --policy %s --reward sentiment --freeze x --lora-rank 2", model)
        .failsWith(2, "--freeze, --freeze-layers: expected without --lora-rank, which trains an");
    Cli.run("align --policy %s --reward sentiment --freeze layers.9", model)
        .failsWith(
            2,
            "--freeze, --freeze-layers: names: expected parts of the names of parameters, such as"
                + " [model.embed_tokens.weight, ",
            ", got layers.9");
    Cli.run("sft --policy %s --data x.jsonl --freeze mlp --lora-rank 2", model)
        .failsWith(2, "--freeze, --freeze-layers: expected without --lora-rank, which trains an");
    Cli.run("reward --policy %s --sample-pairs 4 --freeze-layers -1", model)
        .failsWith(2, "--freeze-layers: expected at least 0, got -1");
  }

  @Test
  void rolloutsAhead_onTheCommandLine_isRefused() throws IOException {
    Path config = write("ahead.yaml", "rolloutsAhead: 1\n");
    Cli.run("align --policy %s --reward sentiment --config %s", model, config)
        .failsWith(2, "rolloutsAhead: expected 0 on the command line, got 1");
  }

  @Test
  void comparisonsFromNowhereOrTwice_areRefused() {
    Cli.run("reward --policy %s", model).failsWith(2, "--data, --sample-pairs", "got neither");
    Cli.run("reward --policy %s --sample-pairs 10 --data x.jsonl", model)
        .failsWith(2, "--data, --sample-pairs", "got both");
  }

  @Test
  void severalTextsOfAGreedyModel_areRefused() {
    Cli.run("generate --policy %s --greedy --count 3", model)
        .failsWith(2, "--count: expected 1 with --greedy", "got 3");
  }

  @Test
  void objectiveOfARewardModel_outOfRange_isNamed() {
    Cli.run("reward --policy %s --sample-pairs 4 --margin -1", model)
        .failsWith(2, "--margin: expected a finite number >= 0, got -1.0");
    Cli.run("reward --policy %s --sample-pairs 4 --center Infinity", model)
        .failsWith(2, "--center: expected a finite number >= 0, got Infinity");
  }

  @Test
  void responseLongerThanTheContext_isNamed() {
    Cli.run("generate --policy %s --max-new-tokens 32", model)
        .failsWith(2, "--max-new-tokens: expected from 1 to 31", "got 32");
  }

  @Test
  void promptLongerThanTheContext_isNamedWithTheRemedy() {
    String longPrompt = "a".repeat(40);

    Cli.run("generate --policy %s --prompt %s --max-new-tokens 8", model, longPrompt)
        .failsWith(2, "prompt 1: expected at most 24 tokens", "got 41", "--truncate-prompts");
    Cli truncated =
        Cli.run(
            "generate --policy %s --prompt %s --max-new-tokens 8 --truncate-prompts",
            model, longPrompt);
    truncated.succeeds();
    assertThat(truncated.err()).contains("1 of 1 prompts truncated");
  }

  @Test
  void dialoguesOfTooFewTokens_areRefused() throws IOException {
    Path data =
        write("pair.jsonl", "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n");
    Cli.run("reward --policy %s --data %s --max-tokens 2", model, data)
        .failsWith(2, "--max-tokens: expected at least 3, got 2");
  }

  @Test
  void numbersOutOfRange_areNamed() {
    Cli.run("align --policy %s --reward sentiment --steps 0", model)
        .failsWith(2, "--steps: expected at least 1, got 0");
    Cli.run("align --policy %s --reward sentiment --clip-range -1", model)
        .failsWith(2, "--clip-range: expected > 0, got -1.0");
    Cli.run("align --policy %s --reward sentiment --prompts-per-step 0", model)
        .failsWith(2, "--prompts-per-step: expected at least 1, got 0");
    Cli.run("align --policy %s --reward sentiment --loss ppo --weight-clip 2", model)
        .failsWith(2, "--weight-clip: expected with an objective that has it, got 2.0 with ppo");
    Cli.run("align --policy %s --reward sentiment --responses-per-prompt 1", model)
        .failsWith(2, "--responses-per-prompt: expected at least 2, got 1");
    Cli.run("sft --data x.jsonl --micro-batch 0")
        .failsWith(2, "--micro-batch: expected at least 1, got 0");
    Cli.run("sft --data x.jsonl --steps 0").failsWith(2, "--steps: expected at least 1, got 0");
    Cli.run("reward --policy %s --sample-pairs 4 --steps 0", model)
        .failsWith(2, "--steps: expected at least 1, got 0");
    Cli.run("align --policy %s --reward sentiment --epochs-per-step 0", model)
        .failsWith(2, "--epochs-per-step: expected at least 1, got 0");
    Cli.run("quickstart --seeds 0").failsWith(2, "--seeds: expected at least 1, got 0");
  }

  /** An option that is wrong by itself is named, not the file that it goes over. */
  @Test
  void numbersOutOfRangeOverAFile_areNamedAsOptions() throws IOException {
    Path config = write("over.yaml", "promptsPerStep: 8\noptimizer: {weightDecay: 0}\n");
    String align = "align --policy %s --reward sentiment --config %s ";
    for (String[] wrong :
        new String[][] {
          {"--prompts-per-step", "0", "expected at least 1, got 0"},
          {"--weight-decay", "-1", "expected a finite number >= 0, got -1.0"},
          {"--warmup-updates", "-1", "expected a number >= 0, got -1"}
        }) {
      Cli.run(align + wrong[0] + " " + wrong[1], model, config)
          .failsWith(2, "p3o: " + wrong[0] + ": " + wrong[2])
          .saysOneLine();
    }
  }

  /** Of no option of that name: what was asked for cannot be, all the same. */
  @Test
  void settingsThatDoNotFitTogether_areAMistakeInWhatWasAskedFor() throws IOException {
    Path config = write("cosine.yaml", "optimizer: {schedule: cosine, totalUpdates: 10}\n");
    Cli.run("align --policy %s --reward sentiment --config %s --warmup-updates 20", model, config)
        .failsWith(2, "totalUpdates: expected more than warmupUpdates 20 for schedule COSINE");
    Cli.run("align --policy %s --reward sentiment --micro-batch %s", model, Integer.MAX_VALUE)
        .failsWith(2, "promptsPerMicroBatch: expected at most 1073741823");
  }

  @Test
  void unknownConfigKey_isNamedWithTheNearest() throws IOException {
    Path config = write("trainer.yaml", "promtsPerStep: 8\n");

    Cli.run("align --policy %s --reward sentiment --config %s", model, config)
        .failsWith(2, "--config: " + config, "promtsPerStep", "promptsPerStep");
  }

  /** The file alone is fine; the option makes the steps too large for it. */
  @Test
  void horizonTooShortForTheStepsOfAnOption_isNamed() throws IOException {
    Path config = write("kl.yaml", "klControl: {mode: adaptive, target: 1, horizon: 30}\n");

    Cli.run(
            "align --policy %s --reward sentiment --config %s --prompts-per-step 128",
            model, config)
        .failsWith(
            2,
            "--config: " + config + ": klControl.horizon: expected above 51.2",
            "256 responses",
            "got 30.0");
  }

  @Test
  void optimizerOfASupervisedTraining_outOfRange_isNamedBeforeAnyWork() throws IOException {
    Path data = write("one.jsonl", "{\"text\": \"a\"}\n");
    Path out = directory.resolve("of-no-optimizer");
    for (ImmutableList<String> command :
        ImmutableList.of(
            Cli.words("sft --data %s --steps 9 --out %s", data, out),
            Cli.words("reward --policy %s --sample-pairs 4 --steps 9 --out %s", model, out))) {
      for (String[] wrong :
          new String[][] {
            {"--warmup-updates", "10", "expected at most the 9 steps, got 10"},
            {"--warmup-updates", "-1", "expected a number >= 0, got -1"},
            {"--weight-decay", "-1", "expected a finite number >= 0, got -1.0"},
            {"--max-gradient-norm", "0", "expected a number > 0, got 0.0"}
          }) {
        List<String> arguments = new ArrayList<>(command);
        arguments.addAll(List.of(wrong[0], wrong[1]));
        Cli.run(arguments).failsWith(2, "p3o: " + wrong[0] + ": " + wrong[2]).saysOneLine();
        assertThat(out).doesNotExist();
      }
    }
  }
}
