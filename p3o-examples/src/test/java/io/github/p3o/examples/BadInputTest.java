package io.github.p3o.examples;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ObjectArrays;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;

/** What a user gets for a mistake: one line that names it, and an exit code. */
class BadInputTest {

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
    Cli.run("generate", "--polcy", "x")
        .failsWith(2, "Unknown option", "--polcy", "Possible solutions: --policy", "--help");
  }

  @Test
  void loraOptions_thatMeanNothing_areRefused() {
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--lora-alpha", 4)
        .failsWith(2, "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--prompt",
            "a",
            "--max-new-tokens",
            4,
            "--lora-rank",
            0)
        .failsWith(2, "--lora-rank: expected at least 1, got 0");
    Cli.run("reward", "--policy", model, "--sample-pairs", 4, "--lora-target", "q_proj")
        .failsWith(2, "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    Cli.run("sft", "--policy", model, "--data", "x.jsonl", "--lora-alpha", 2)
        .failsWith(2, "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    Cli.run("sft", "--data", "x.jsonl", "--lora-rank", 2)
        .failsWith(2, "--lora-rank: expected with --policy, a model that has learned, got a new");
    Cli.run("sft", "--data", "x.jsonl", "--adapter", "x")
        .failsWith(2, "--adapter: expected with --policy, a model that has learned, got a new one");
    Cli.run("sft", "--policy", model, "--data", "x.jsonl", "--adapter", "x", "--lora-rank", 2)
        .failsWith(2, "--adapter, --lora-rank: expected at most one of them, got both; an adapter");
    Cli.run("reward", "--policy", model, "--sample-pairs", 4, "--adapter", "x", "--untrained")
        .failsWith(2, "--adapter: expected without --untrained, which takes random weights");
    Cli.run("generate", "--policy", model, "--max-new-tokens", 4, "--top-p", 0)
        .failsWith(2, "--top-p: expected a value in (0, 1], got 0.0");
  }

  @Test
  void options_thatMeanNothingBesideOthers_areRefused() {
    Cli.run("sft", "--policy", model, "--data", "x.jsonl", "--layers", 4, "--tokenizer", "bytes")
        .failsWith(2, "--layers, --tokenizer: expected without --policy, a model that has these");
    Cli.run("reward", "--policy", model, "--data", "x.jsonl", "--gold", "cheerful")
        .failsWith(2, "--gold: expected with --sample-pairs, got --data, which has prompts and");
    Cli.run("reward", "--policy", model, "--sample-pairs", 4, "--max-tokens", 9)
        .failsWith(2, "--max-tokens: expected with --data, got --sample-pairs");
    Cli.run("generate", "--policy", model, "--prompt", "a", "--format", "hh")
        .failsWith(2, "--format: expected with --prompts, got none");
    Cli.run("generate", "--policy", model, "--greedy", "--top-k", 3, "--temperature", 2)
        .failsWith(2, "--top-k, --temperature: expected without --greedy, which takes the");
    Cli.run("generate", "--policy", model, "--temperature", 0)
        .failsWith(2, "--temperature: expected a finite number > 0, got 0; --greedy takes the");
  }

  @Test
  void freezeOptions_thatMeanNothing_areRefused() {
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--freeze", "x", "--lora-rank", 2)
        .failsWith(2, "--freeze, --freeze-layers: expected without --lora-rank, which trains an");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--freeze", "layers.9")
        .failsWith(
            2,
            "--freeze, --freeze-layers: names: expected parts of the names of parameters, such as"
                + " [model.embed_tokens.weight, ",
            ", got layers.9");
    Cli.run("sft", "--policy", model, "--data", "x.jsonl", "--freeze", "mlp", "--lora-rank", 2)
        .failsWith(2, "--freeze, --freeze-layers: expected without --lora-rank, which trains an");
    Cli.run("reward", "--policy", model, "--sample-pairs", 4, "--freeze-layers", -1)
        .failsWith(2, "--freeze-layers: expected at least 0, got -1");
  }

  @Test
  void rolloutsAhead_onTheCommandLine_isRefused() throws IOException {
    Path config = write("ahead.yaml", "rolloutsAhead: 1\n");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--config", config)
        .failsWith(2, "rolloutsAhead: expected 0 on the command line, got 1");
  }

  @Test
  void unknownCommand_suggestsTheNearest() {
    Cli.run("algn").failsWith(2, "algn", "p3o align");
    Cli.run().failsWith(2, "expected a command: quickstart, sft, reward, align, resume, generate");
  }

  @Test
  void missingPolicy_isNamed() {
    Path missing = directory.resolve("missing");
    Cli.run("generate", "--policy", missing)
        .failsWith(
            2,
            "--policy: "
                + missing
                + ": directory: expected that of a Hugging Face checkpoint, config.json and"
                + " safetensors, got nothing of that name");
  }

  @Test
  void cutShortCheckpoint_isNamed() throws IOException {
    Path cut = Files.createDirectories(directory.resolve("cut"));
    Files.copy(model.resolve("config.json"), cut.resolve("config.json"));
    byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));
    Files.write(cut.resolve("model.safetensors"), Arrays.copyOf(weights, weights.length / 2));

    Cli.run("generate", "--policy", cut).failsWith(2, "--policy: ", "model.safetensors");
  }

  @Test
  void checkpointWithoutATokenizer_isNamedWithoutTheTypeOfTheError() throws IOException {
    Path bare = directory.resolve("bare");
    try (TransformerPolicy policy =
        TransformerPolicy.random(
            DecoderConfig.llama(
                9, 4, 8, 1, 2, 2, 16, 1e-5, 10_000, true, OptionalInt.of(1), OptionalInt.of(2)),
            DataType.FLOAT,
            0)) {
      policy.save(bare);
    }

    Cli.run("generate", "--policy", bare)
        .failsWith(2, "--policy: ", "tokenizer.json: expected a JSON object");
  }

  @Test
  void malformedLine_isNamedByFileAndLine() throws IOException {
    Path data = write("bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \n");

    Cli.run("sft", "--data", data, "--out", directory.resolve("never"))
        .failsWith(2, "--data: " + data + ":2:", "expected");
    assertThat(directory.resolve("never")).doesNotExist();
  }

  @Test
  void lineOfAnotherFormat_isNamedWithWhatItHas() throws IOException {
    Path data = write("other.jsonl", "{\"chosen\": \"a\", \"rejected\": \"b\"}\n");

    Cli.run("sft", "--data", data)
        .failsWith(
            2,
            "--data: " + data + ":1: prompt: expected a text, got none among [chosen, rejected]");
  }

  @Test
  void malformedLine_mayBeSkipped() throws IOException {
    Path data = write("skip.jsonl", "{\"text\": \"a\"}\n{\"text\": \n{\"text\": \"b\"}\n");

    Cli.run(
            "sft",
            "--data",
            data,
            "--skip-malformed",
            "--steps",
            1,
            "--width",
            16,
            "--heads",
            2,
            "--out",
            directory.resolve("skipped"))
        .succeeds();
  }

  @Test
  void emptyDataSet_isNamed() throws IOException {
    Path data = write("empty.jsonl", "\n");

    Cli.run("sft", "--data", data)
        .failsWith(2, "--data: " + data + ": expected at least one example");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--prompts", data)
        .failsWith(2, "--max-new-tokens: expected from 1 to 31");
    Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--max-new-tokens",
            8,
            "--prompts",
            data)
        .failsWith(2, "--prompts: " + data + ": expected at least one example");
  }

  /** Every option that takes a file, and the command that it is an option of. */
  private static Stream<Arguments> optionsOfFiles() {
    return Stream.of(
        arguments("--data", ImmutableList.of("sft")),
        arguments("--data", ImmutableList.of("reward", "--policy", model)),
        arguments("--prompts", ImmutableList.of("generate", "--policy", model)),
        arguments("--prompts", ImmutableList.of("reward", "--policy", model, "--sample-pairs", 4)),
        arguments(
            "--prompts", ImmutableList.of("align", "--policy", model, "--reward", "cheerful")),
        arguments("--config", ImmutableList.of("align", "--policy", model, "--reward", "cheerful")),
        arguments("--samples", ImmutableList.of("tournament", "--judge", "sentiment")));
  }

  @ParameterizedTest
  @MethodSource("optionsOfFiles")
  void fileThatCannotBeUsed_isNamedWithItsOption(String option, List<Object> command)
      throws IOException {
    List<Path> files = new ArrayList<>();
    files.add(directory.resolve("missing.jsonl"));
    files.add(Files.createDirectories(directory.resolve("directory.jsonl")));
    files.add(write("words.jsonl", "no JSON\n"));
    files.add(Files.write(directory.resolve("bytes.jsonl"), new byte[] {(byte) 0xff, 0, 1, 2}));
    files.add(Files.write(directory.resolve("cut.jsonl.gz"), new byte[] {0x1f, (byte) 0x8b, 8, 0}));
    if (!option.equals("--config")) { // an empty one changes nothing
      files.add(write("nothing.jsonl", ""));
    }
    Path out = directory.resolve("of-no-file");
    for (Path file : files) {
      List<Object> arguments = new ArrayList<>(command);
      arguments.addAll(List.of(option, file));
      if (!command.contains("sft") && !option.equals("--samples") && !option.equals("--data")) {
        arguments.addAll(List.of("--max-new-tokens", 8));
      }
      if (!command.contains("generate")) {
        arguments.addAll(List.of("--out", out));
      }
      Cli.run(arguments.toArray()).failsWith(2, "p3o: " + option + ": " + file).saysOneLine();
      assertThat(out).doesNotExist();
    }
  }

  /** Every option that takes the directory of a model. */
  private static Stream<Arguments> optionsOfModels() {
    ImmutableList<Object> align = ImmutableList.of("align", "--prompt", "a", "--max-new-tokens", 8);
    ImmutableList<Object> samples = ImmutableList.of("tournament", "--samples", "SAMPLES");
    return Stream.of(
        arguments("--policy", ImmutableList.of("generate")),
        arguments("--policy", ImmutableList.of("generate", "--mapped")),
        arguments("--adapter", ImmutableList.of("generate", "--policy", model)),
        arguments("--policy", ImmutableList.of("sft", "--data", "DATA")),
        arguments("--tokenizer", ImmutableList.of("sft", "--data", "DATA")),
        arguments("--policy", ImmutableList.of("reward", "--sample-pairs", 4)),
        arguments("--policy", with(align, "--reward", "sentiment")),
        arguments("--reward", with(align, "--policy", model)),
        arguments("--judge", samples));
  }

  private static ImmutableList<Object> with(ImmutableList<Object> command, Object... more) {
    return ImmutableList.builder().addAll(command).add(more).build();
  }

  @ParameterizedTest
  @MethodSource("optionsOfModels")
  void directoryThatHoldsNoModel_isNamedWithItsOption(String option, List<Object> command)
      throws IOException {
    Path file = write("one-text.jsonl", "{\"text\": \"a\"}\n");
    Path samples = write("two.jsonl", "{\"prompt\": \"a\", \"one\": \"b\", \"other\": \"c\"}\n");
    Path empty = Files.createDirectories(directory.resolve("no-model"));
    Path data = Files.copy(file, directory.resolve("texts-of-models.jsonl"), REPLACE_EXISTING);
    Path out = directory.resolve("of-no-model");
    for (Path path : List.of(directory.resolve("missing"), file, empty)) {
      List<Object> arguments = new ArrayList<>(command);
      arguments.replaceAll(each -> each.equals("DATA") ? data : each);
      arguments.replaceAll(each -> each.equals("SAMPLES") ? samples : each);
      arguments.addAll(List.of(option, path, "--out", out));
      Cli.run(arguments.toArray())
          .failsWith(2, "p3o: " + option + ": ", path.toString(), "expected")
          .saysOneLine();
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void playerOrJudgeThatIsNoModel_isNamedBeforeAnyAnswers() {
    Path missing = directory.resolve("missing");
    Cli.run(
            "tournament",
            "--policy",
            "a=" + model,
            "--policy",
            "b=" + missing,
            "--judge",
            "sentiment")
        .failsWith(2, "p3o: --policy: " + missing + ": directory: expected that of a Hugging Face")
        .saysOneLine();
    Object[] players = {"tournament", "--policy", "a=" + model, "--policy", "b=" + model};
    Cli.run(
            ObjectArrays.concat(
                players,
                new Object[] {"--judge", "cheerful", "--adapter", "b=" + missing},
                Object.class))
        .failsWith(
            2, "p3o: --adapter: expected a directory with an adapter_config.json, got " + missing)
        .saysOneLine();
    Cli.run(
            ObjectArrays.concat(
                players,
                new Object[] {"--judge", "cheerful", "--adapter", "c=" + model},
                Object.class))
        .failsWith(2, "p3o: --adapter: expected names of players [a, b], got c")
        .saysOneLine();
    Cli.run("tournament", "--policy", "a=" + model, "--policy", "b=" + model, "--judge", missing)
        .failsWith(2, "p3o: --judge: expected a directory or one of [sentiment, cheerful], got ")
        .saysOneLine();
  }

  @Test
  void fileOfTwoOptions_isNamedWithBoth() throws IOException {
    Path file = write("twice.jsonl", "no JSON\n");
    Cli.run("tournament", "--samples", file, "--judge", "cheerful", "--chat-verdicts", file)
        .failsWith(2, "p3o: --chat-verdicts, --samples: " + file + ", line 1: expected JSON");
  }

  @Test
  void samplesOfOnePlayer_areRefused() throws IOException {
    Path samples = write("alone.jsonl", "{\"prompt\": \"a\", \"one\": \"b\"}\n");
    Cli.run("tournament", "--samples", samples, "--judge", "sentiment")
        .failsWith(2, "--samples: expected at least 2 columns of answers, got [one]");
  }

  @Test
  void studyWithoutItsData_isRefusedAndLeavesNothing() {
    Path missing = directory.resolve("missing");
    Path out = directory.resolve("no-study");
    Cli.run("experiment", "--task", "hh", "--data", missing, "--out", out)
        .failsWith(2, "--data: expected a directory with what hh asks for, got no " + missing);
    assertThat(out).doesNotExist();
  }

  @Test
  void directoryOfVerdicts_thatIsAFile_isNamed() throws IOException {
    Path samples = write("pair.jsonl", "{\"prompt\": \"a\", \"one\": \"b\", \"other\": \"c\"}\n");
    Path file = write("no-directory", "");
    Cli.run("tournament", "--samples", samples, "--chat-model", "x", "--chat-verdicts", file)
        .failsWith(2, "--chat-verdicts: " + file + ": expected a directory");
  }

  @Test
  void formatWithoutComparisons_isNamedAsTheOptionThatItIs() throws IOException {
    Path data = write("prompts-only.jsonl", "{\"prompt\": \"a\"}\n");
    Cli.run("reward", "--policy", model, "--data", data, "--data-format", "prompt")
        .failsWith(2, "--data-format: expected preference, hh, messages or tldr, got prompt");
  }

  @Test
  void severalTextsOfAGreedyModel_areRefused() {
    Cli.run("generate", "--policy", model, "--greedy", "--count", 3)
        .failsWith(2, "--count: expected 1 with --greedy", "got 3");
  }

  @Test
  void objectiveOfARewardModel_outOfRange_isNamed() {
    Cli.run("reward", "--policy", model, "--sample-pairs", 4, "--margin", -1)
        .failsWith(2, "--margin: expected a finite number >= 0, got -1.0");
    Cli.run("reward", "--policy", model, "--sample-pairs", 4, "--center", "Infinity")
        .failsWith(2, "--center: expected a finite number >= 0, got Infinity");
  }

  @Test
  void usedDirectoryOfTexts_isNamedBeforeAnyIsWritten() throws IOException {
    Path used = Files.createDirectories(directory.resolve("used-by-others"));
    Files.writeString(used.resolve("precious.txt"), "mine");
    Cli refused = Cli.run("generate", "--policy", model, "--max-new-tokens", 4, "--out", used);
    refused.failsWith(2, "--out: expected a new or empty directory");
    assertThat(refused.out()).isEmpty();
  }

  @Test
  void promptLongerThanTheContext_isNamedWithTheRemedy() {
    String longPrompt = "a".repeat(40);

    Cli.run("generate", "--policy", model, "--prompt", longPrompt, "--max-new-tokens", 8)
        .failsWith(2, "prompt 1: expected at most 24 tokens", "got 41", "--truncate-prompts");
    Cli truncated =
        Cli.run(
            "generate",
            "--policy",
            model,
            "--prompt",
            longPrompt,
            "--max-new-tokens",
            8,
            "--truncate-prompts");
    truncated.succeeds();
    assertThat(truncated.err()).contains("1 of 1 prompts truncated");
  }

  @Test
  void responseLongerThanTheContext_isNamed() {
    Cli.run("generate", "--policy", model, "--max-new-tokens", 32)
        .failsWith(2, "--max-new-tokens: expected from 1 to 31", "got 32");
  }

  @Test
  void unknownConfigKey_isNamedWithTheNearest() throws IOException {
    Path config = write("trainer.yaml", "promtsPerStep: 8\n");

    Cli.run("align", "--policy", model, "--reward", "sentiment", "--config", config)
        .failsWith(2, "--config: " + config, "promtsPerStep", "promptsPerStep");
  }

  /** The file alone is fine; the option makes the steps too large for it. */
  @Test
  void horizonTooShortForTheStepsOfAnOption_isNamed() throws IOException {
    Path config = write("kl.yaml", "klControl: {mode: adaptive, target: 1, horizon: 30}\n");

    Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--config",
            config,
            "--prompts-per-step",
            128)
        .failsWith(
            2,
            "--config: " + config + ": klControl.horizon: expected above 51.2",
            "256 responses",
            "got 30.0");
  }

  @Test
  void numbersOutOfRange_areNamed() {
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--steps", 0)
        .failsWith(2, "--steps: expected at least 1, got 0");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--clip-range", -1)
        .failsWith(2, "--clip-range: expected > 0, got -1.0");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--prompts-per-step", 0)
        .failsWith(2, "--prompts-per-step: expected at least 1, got 0");
    Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--loss",
            "ppo",
            "--weight-clip",
            2)
        .failsWith(2, "--weight-clip: expected with an objective that has it, got 2.0 with ppo");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--responses-per-prompt", 1)
        .failsWith(2, "--responses-per-prompt: expected at least 2, got 1");
    Cli.run("sft", "--data", "x.jsonl", "--micro-batch", 0)
        .failsWith(2, "--micro-batch: expected at least 1, got 0");
    Cli.run("sft", "--data", "x.jsonl", "--steps", 0)
        .failsWith(2, "--steps: expected at least 1, got 0");
    Cli.run("reward", "--policy", model, "--sample-pairs", 4, "--steps", 0)
        .failsWith(2, "--steps: expected at least 1, got 0");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--epochs-per-step", 0)
        .failsWith(2, "--epochs-per-step: expected at least 1, got 0");
    Cli.run("quickstart", "--seeds", 0).failsWith(2, "--seeds: expected at least 1, got 0");
  }

  /** An option that is wrong by itself is named, not the file that it goes over. */
  @Test
  void numbersOutOfRangeOverAFile_areNamedAsOptions() throws IOException {
    Path config = write("over.yaml", "promptsPerStep: 8\noptimizer: {weightDecay: 0}\n");
    List<Object> align = List.of("align", "--policy", model, "--reward", "sentiment");
    for (List<Object> wrong :
        List.of(
            List.<Object>of("--prompts-per-step", 0, "expected at least 1, got 0"),
            List.<Object>of("--weight-decay", -1, "expected a finite number >= 0, got -1.0"),
            List.<Object>of("--warmup-updates", -1, "expected a number >= 0, got -1"))) {
      List<Object> arguments = new ArrayList<>(align);
      arguments.addAll(List.of("--config", config, wrong.get(0), wrong.get(1)));
      Cli.run(arguments.toArray())
          .failsWith(2, "p3o: " + wrong.get(0) + ": " + wrong.get(2))
          .saysOneLine();
    }
  }

  /** Of no option of that name: what was asked for cannot be, all the same. */
  @Test
  void settingsThatDoNotFitTogether_areAMistakeInWhatWasAskedFor() throws IOException {
    Path config = write("cosine.yaml", "optimizer: {schedule: cosine, totalUpdates: 10}\n");
    Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--config",
            config,
            "--warmup-updates",
            20)
        .failsWith(2, "totalUpdates: expected more than warmupUpdates 20 for schedule COSINE");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--micro-batch", Integer.MAX_VALUE)
        .failsWith(2, "promptsPerMicroBatch: expected at most 1073741823");
  }

  @Test
  void optimizerOfASupervisedTraining_outOfRange_isNamedBeforeAnyWork() throws IOException {
    Path data = write("one.jsonl", "{\"text\": \"a\"}\n");
    Path out = directory.resolve("of-no-optimizer");
    for (List<Object> command :
        List.of(
            List.<Object>of("sft", "--data", data, "--steps", 9),
            List.<Object>of("reward", "--policy", model, "--sample-pairs", 4, "--steps", 9))) {
      for (List<Object> wrong :
          List.of(
              List.<Object>of("--warmup-updates", 10, "expected at most the 9 steps, got 10"),
              List.<Object>of("--warmup-updates", -1, "expected a number >= 0, got -1"),
              List.<Object>of("--weight-decay", -1, "expected a finite number >= 0, got -1.0"),
              List.<Object>of("--max-gradient-norm", 0, "expected a number > 0, got 0.0"))) {
        List<Object> arguments = new ArrayList<>(command);
        arguments.addAll(List.of(wrong.get(0), wrong.get(1), "--out", out));
        Cli.run(arguments.toArray())
            .failsWith(2, "p3o: " + wrong.get(0) + ": " + wrong.get(2))
            .saysOneLine();
        assertThat(out).doesNotExist();
      }
    }
  }

  @Test
  void dialoguesOfTooFewTokens_areRefused() throws IOException {
    Path data =
        write("pair.jsonl", "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n");
    Cli.run("reward", "--policy", model, "--data", data, "--max-tokens", 2)
        .failsWith(2, "--max-tokens: expected at least 3, got 2");
  }

  @Test
  void adapterOfAnotherModel_isNamedWithItsOption() throws IOException {
    Path data = write("one.jsonl", "{\"text\": \"a\"}\n");
    Path wide = directory.resolve("wide");
    Cli.run("sft", "--data", data, "--width", 32, "--steps", 1, "--out", wide).succeeds();
    Path other = directory.resolve("other-adapter");
    Cli.run(
            "sft",
            "--policy",
            wide.resolve("model"),
            "--data",
            data,
            "--steps",
            1,
            "--lora-rank",
            1,
            "--out",
            other)
        .succeeds();
    Cli.run("generate", "--policy", model, "--adapter", other.resolve("adapter"))
        .failsWith(2, "p3o: --adapter: " + other.resolve("adapter") + ": ", "expected", "got")
        .saysOneLine();
  }

  @Test
  void unknownChoice_listsEachNameOnce() {
    Cli.run("certify", "--policy", "tabular,table")
        .failsWith(2, "'--policy'", "expected one of [tabular, transformer], got 'table'");
    Cli.run("align", "--policy", model, "--reward", "sentiment", "--loss", "PPO_sequences")
        .failsWith(2, "'--loss'", "ppo, ppo-sequence], got 'PPO_sequences'");
  }

  @Test
  void unknownReward_listsTheKnown() {
    Cli.run("align", "--policy", model, "--reward", "sentimental")
        .failsWith(2, "--reward: expected a directory or one of [sentiment, cheerful]");
  }

  @Test
  void comparisonsFromNowhereOrTwice_areRefused() {
    Cli.run("reward", "--policy", model).failsWith(2, "--data, --sample-pairs", "got neither");
    Cli.run("reward", "--policy", model, "--sample-pairs", 10, "--data", "x.jsonl")
        .failsWith(2, "--data, --sample-pairs", "got both");
  }

  @Test
  void usedRunDirectory_isNotOverwritten() throws IOException {
    Path used = Files.createDirectories(directory.resolve("used"));
    Files.writeString(used.resolve("precious.txt"), "mine");

    Cli.run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--max-new-tokens",
            8,
            "--prompt",
            "a",
            "--out",
            used)
        .failsWith(2, "--out: expected a new or empty directory", used.toString());
    assertThat(used.resolve("precious.txt")).hasContent("mine");
  }

  @Test
  void fileAsRunDirectory_isNamed() throws IOException {
    Path data = write("texts-only.jsonl", "{\"text\": \"a\"}\n");

    Cli.run("sft", "--data", data, "--out", data)
        .failsWith(2, "--out: expected a new or empty directory", data + ", which is a file");
  }

  @Test
  void refusedRun_leavesNothing() throws IOException {
    Path data = write("few.jsonl", "{\"text\": \"a\"}\n");
    Path made = directory.resolve("refused");
    Path given = Files.createDirectories(directory.resolve("given"));
    for (Path out : List.of(made, given)) {
      Cli.run("sft", "--data", data, "--learning-rate", -1, "--out", out)
          .failsWith(2, "--learning-rate: expected a finite number > 0, got -1.0");
      Cli.run("sft", "--data", data, "--width", 17, "--heads", 2, "--out", out)
          .failsWith(2, "--width: expected a multiple of 2 · 2 heads, got 17");
      Cli.run("sft", "--data", data, "--tokenizer", "words", "--width", 17, "--out", out)
          .failsWith(2, "--width: expected a multiple of 2 · 4 heads, got 17");
    }
    assertThat(made).doesNotExist();
    assertThat(given).isEmptyDirectory();
  }

  @Test
  void refusedResume_leavesTheRunAsItIs() throws IOException {
    Path data = write("few.jsonl", "{\"text\": \"a\"}\n");
    Path run = Files.createDirectories(directory.resolve("killed-early"));
    Files.writeString(
        run.resolve("run.json"),
        "{\"arguments\": [\"sft\", \"--width\", \"17\", \"--data\", \"" + data + "\"]}");

    Cli.run("resume", run).failsWith(2, "--width");
    assertThat(run.resolve("run.json")).exists();
  }

  @Test
  void brokenRunDirectory_isNamed() throws IOException {
    Path run = Files.createDirectories(directory.resolve("broken"));
    Cli.run("resume", run)
        .failsWith(2, "DIR: expected a run directory with a run.json, got " + run);
    Path description = Files.writeString(run.resolve("run.json"), "{");
    Cli.run("resume", run).failsWith(2, description + ": expected JSON, got Unexpected end");
  }
}
