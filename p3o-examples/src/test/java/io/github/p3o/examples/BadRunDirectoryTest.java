package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a user gets for run directories that cannot be used, and what is left of a run that is
 * refused.
 */
class BadRunDirectoryTest {

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
  void usedDirectoryOfTexts_isNamedBeforeAnyIsWritten() throws IOException {
    Path used = Files.createDirectories(directory.resolve("used-by-others"));
    Files.writeString(used.resolve("precious.txt"), "mine");
    Cli refused = Cli.run("generate --policy %s --max-new-tokens 4 --out %s", model, used);
    refused.failsWith(2, "--out: expected a new or empty directory");
    assertThat(refused.out()).isEmpty();
  }

  @Test
  void usedRunDirectory_isNotOverwritten() throws IOException {
    Path used = Files.createDirectories(directory.resolve("used"));
    Files.writeString(used.resolve("precious.txt"), "mine");

    Cli.run(
            "align --policy %s --reward sentiment --max-new-tokens 8 --prompt a --out %s",
            model, used)
        .failsWith(2, "--out: expected a new or empty directory", used.toString());
    assertThat(used.resolve("precious.txt")).hasContent("mine");
  }

  @Test
  void fileAsRunDirectory_isNamed() throws IOException {
    Path data = write("texts-only.jsonl", "{\"text\": \"a\"}\n");

    Cli.run("sft --data %s --out %s", data, data)
        .failsWith(2, "--out: expected a new or empty directory", data + ", which is a file");
  }

  @Test
  void refusedRun_leavesNothing() throws IOException {
    Path data = write("few.jsonl", "{\"text\": \"a\"}\n");
    Path made = directory.resolve("refused");
    Path given = Files.createDirectories(directory.resolve("given"));
    for (Path out : List.of(made, given)) {
      Cli.run("sft --data %s --learning-rate -1 --out %s", data, out)
          .failsWith(2, "--learning-rate: expected a finite number > 0, got -1.0");
      Cli.run("sft --data %s --width 17 --heads 2 --out %s", data, out)
          .failsWith(2, "--width: expected a multiple of 2 · 2 heads, got 17");
      Cli.run("sft --data %s --tokenizer words --width 17 --out %s", data, out)
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

    Cli.run("resume %s", run).failsWith(2, "--width");
    assertThat(run.resolve("run.json")).exists();
  }

  @Test
  void brokenRunDirectory_isNamed() throws IOException {
    Path run = Files.createDirectories(directory.resolve("broken"));
    Cli.run("resume %s", run)
        .failsWith(2, "DIR: expected a run directory with a run.json, got " + run);
    Path description = Files.writeString(run.resolve("run.json"), "{");
    Cli.run("resume %s", run).failsWith(2, description + ": expected JSON, got Unexpected end");
  }
}
