package io.github.p3o.examples;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.common.collect.ImmutableList;
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

/**
 * What a user gets for files that cannot be used: one line that names file and option, and an exit
 * code.
 */
class BadFilesTest {

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
  void missingPolicy_isNamed() {
    Path missing = directory.resolve("missing");
    Cli.run("generate --policy %s", missing)
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

    Cli.run("generate --policy %s", cut).failsWith(2, "--policy: ", "model.safetensors");
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

    Cli.run("generate --policy %s", bare)
        .failsWith(2, "--policy: ", "tokenizer.json: expected a JSON object");
  }

  @Test
  void adapterOfAnotherModel_isNamedWithItsOption() throws IOException {
    Path data = write("one.jsonl", "{\"text\": \"a\"}\n");
    Path wide = directory.resolve("wide");
    Cli.run("sft --data %s --width 32 --steps 1 --out %s", data, wide).succeeds();
    Path other = directory.resolve("other-adapter");
    Cli.run(
            "sft --policy %s --data %s --steps 1 --lora-rank 1 --out %s",
            wide.resolve("model"), data, other)
        .succeeds();
    Cli.run("generate --policy %s --adapter %s", model, other.resolve("adapter"))
        .failsWith(2, "p3o: --adapter: " + other.resolve("adapter") + ": ", "expected", "got")
        .saysOneLine();
  }

  /** Every option that takes the directory of a model. */
  private static Stream<Arguments> optionsOfModels() {
    String align = "align --prompt a --max-new-tokens 8 ";
    return Stream.of(
        arguments("--policy", Cli.words("generate")),
        arguments("--policy", Cli.words("generate --mapped")),
        arguments("--adapter", Cli.words("generate --policy %s", model)),
        arguments("--policy", Cli.words("sft --data DATA")),
        arguments("--tokenizer", Cli.words("sft --data DATA")),
        arguments("--policy", Cli.words("reward --sample-pairs 4")),
        arguments("--policy", Cli.words(align + "--reward sentiment")),
        arguments("--reward", Cli.words(align + "--policy %s", model)),
        arguments("--judge", Cli.words("tournament --samples SAMPLES")));
  }

  @ParameterizedTest
  @MethodSource("optionsOfModels")
  void directoryThatHoldsNoModel_isNamedWithItsOption(String option, List<String> command)
      throws IOException {
    Path file = write("one-text.jsonl", "{\"text\": \"a\"}\n");
    Path samples = write("two.jsonl", "{\"prompt\": \"a\", \"one\": \"b\", \"other\": \"c\"}\n");
    Path empty = Files.createDirectories(directory.resolve("no-model"));
    Path data = Files.copy(file, directory.resolve("texts-of-models.jsonl"), REPLACE_EXISTING);
    Path out = directory.resolve("of-no-model");
    for (Path path : List.of(directory.resolve("missing"), file, empty)) {
      List<String> arguments = new ArrayList<>(command);
      arguments.replaceAll(each -> each.equals("DATA") ? data.toString() : each);
      arguments.replaceAll(each -> each.equals("SAMPLES") ? samples.toString() : each);
      arguments.addAll(Cli.words(option + " %s --out %s", path, out));
      Cli.run(arguments)
          .failsWith(2, "p3o: " + option + ": ", path.toString(), "expected")
          .saysOneLine();
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void playerOrJudgeThatIsNoModel_isNamedBeforeAnyAnswers() {
    Path missing = directory.resolve("missing");
    Cli.run("tournament --policy a=%s --policy b=%s --judge sentiment", model, missing)
        .failsWith(2, "p3o: --policy: " + missing + ": directory: expected that of a Hugging Face")
        .saysOneLine();
    String players = "tournament --policy a=%s --policy b=%s --judge cheerful ";
    Cli.run(players + "--adapter b=%s", model, model, missing)
        .failsWith(
            2, "p3o: --adapter: expected a directory with an adapter_config.json, got " + missing)
        .saysOneLine();
    Cli.run(players + "--adapter c=%s", model, model, model)
        .failsWith(2, "p3o: --adapter: expected names of players [a, b], got c")
        .saysOneLine();
    Cli.run("tournament --policy a=%s --policy b=%s --judge %s", model, model, missing)
        .failsWith(2, "p3o: --judge: expected a directory or one of [sentiment, cheerful], got ")
        .saysOneLine();
  }

  /** Every option that takes a file, and the command that it is an option of. */
  private static Stream<Arguments> optionsOfFiles() {
    ImmutableList<String> align = Cli.words("align --policy %s --reward cheerful", model);
    return Stream.of(
        arguments("--data", Cli.words("sft")),
        arguments("--data", Cli.words("reward --policy %s", model)),
        arguments("--prompts", Cli.words("generate --policy %s", model)),
        arguments("--prompts", Cli.words("reward --policy %s --sample-pairs 4", model)),
        arguments("--prompts", align),
        arguments("--config", align),
        arguments("--samples", Cli.words("tournament --judge sentiment")));
  }

  @ParameterizedTest
  @MethodSource("optionsOfFiles")
  void fileThatCannotBeUsed_isNamedWithItsOption(String option, List<String> command)
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
      List<String> arguments = new ArrayList<>(command);
      arguments.addAll(Cli.words(option + " %s", file));
      if (!command.contains("sft") && !option.equals("--samples") && !option.equals("--data")) {
        arguments.addAll(Cli.words("--max-new-tokens 8"));
      }
      if (!command.contains("generate")) {
        arguments.addAll(Cli.words("--out %s", out));
      }
      Cli.run(arguments).failsWith(2, "p3o: " + option + ": " + file).saysOneLine();
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void fileOfTwoOptions_isNamedWithBoth() throws IOException {
    Path file = write("twice.jsonl", "no JSON\n");
    Cli.run("tournament --samples %s --judge cheerful --chat-verdicts %s", file, file)
        .failsWith(2, "p3o: --chat-verdicts, --samples: " + file + ", line 1: expected JSON");
  }

  @Test
  void emptyDataSet_isNamed() throws IOException {
    Path data = write("empty.jsonl", "\n");

    Cli.run("sft --data %s", data)
        .failsWith(2, "--data: " + data + ": expected at least one example");
    Cli.run("align --policy %s --reward sentiment --prompts %s", model, data)
        .failsWith(2, "--max-new-tokens: expected from 1 to 31");
    Cli.run("align --policy %s --reward sentiment --max-new-tokens 8 --prompts %s", model, data)
        .failsWith(2, "--prompts: " + data + ": expected at least one example");
  }

  @Test
  void malformedLine_isNamedByFileAndLine() throws IOException {
    Path data = write("bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \n");

    Cli.run("sft --data %s --out %s", data, directory.resolve("never"))
        .failsWith(2, "--data: " + data + ":2:", "expected");
    assertThat(directory.resolve("never")).doesNotExist();
  }

  @Test
  void lineOfAnotherFormat_isNamedWithWhatItHas() throws IOException {
    Path data = write("other.jsonl", "{\"chosen\": \"a\", \"rejected\": \"b\"}\n");

    Cli.run("sft --data %s", data)
        .failsWith(
            2,
            "--data: " + data + ":1: prompt: expected a text, got none among [chosen, rejected]");
  }

  @Test
  void malformedLine_mayBeSkipped() throws IOException {
    Path data = write("skip.jsonl", "{\"text\": \"a\"}\n{\"text\": \n{\"text\": \"b\"}\n");

    Cli.run(
            "sft --data %s --skip-malformed --steps 1 --width 16 --heads 2 --out %s",
            data, directory.resolve("skipped"))
        .succeeds();
  }

  @Test
  void formatWithoutComparisons_isNamedAsTheOptionThatItIs() throws IOException {
    Path data = write("prompts-only.jsonl", "{\"prompt\": \"a\"}\n");
    Cli.run("reward --policy %s --data %s --data-format prompt", model, data)
        .failsWith(2, "--data-format: expected preference, hh, messages or tldr, got prompt");
  }

  @Test
  void samplesOfOnePlayer_areRefused() throws IOException {
    Path samples = write("alone.jsonl", "{\"prompt\": \"a\", \"one\": \"b\"}\n");
    Cli.run("tournament --samples %s --judge sentiment", samples)
        .failsWith(2, "--samples: expected at least 2 columns of answers, got [one]");
  }

  @Test
  void studyWithoutItsData_isRefusedAndLeavesNothing() {
    Path missing = directory.resolve("missing");
    Path out = directory.resolve("no-study");
    Cli.run("experiment --task hh --data %s --out %s", missing, out)
        .failsWith(2, "--data: expected a directory with what hh asks for, got no " + missing);
    assertThat(out).doesNotExist();
  }

  @Test
  void directoryOfVerdicts_thatIsAFile_isNamed() throws IOException {
    Path samples = write("pair.jsonl", "{\"prompt\": \"a\", \"one\": \"b\", \"other\": \"c\"}\n");
    Path file = write("no-directory", "");
    Cli.run("tournament --samples %s --chat-model x --chat-verdicts %s", samples, file)
        .failsWith(2, "--chat-verdicts: " + file + ": expected a directory");
  }
}
