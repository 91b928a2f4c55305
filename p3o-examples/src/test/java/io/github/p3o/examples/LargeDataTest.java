package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands in a process with less memory than the data set takes. */
class LargeDataTest {

  /** The texts have 40 MB, and as many tokens of four bytes. */
  private static final int LINES = 20_000;

  private static final int CHARACTERS = 1000;

  @TempDir private static Path directory = Path.of("");

  private static Path data = Path.of("");

  @BeforeAll
  static void writesTheDataSet() throws IOException {
    data = directory.resolve("large.jsonl.gz");
    String text = " and so on".repeat(CHARACTERS / 10);
    try (PrintStream lines =
        new PrintStream(
            new GZIPOutputStream(Files.newOutputStream(data)), false, StandardCharsets.UTF_8)) {
      for (int i = 0; i < LINES; i++) {
        lines.printf(
            "{\"prompt\": \"%s%s\", \"completion\": \" a\", \"chosen\": \" good%s\","
                + " \"rejected\": \" bad\"}%n",
            i, text, text);
      }
    }
  }

  private static String run(Object... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xmx64m"));
    command.add("-Dorg.bytedeco.javacpp.maxbytes=0"); // of native memory, by default as the heap
    command.add("-Dorg.bytedeco.javacpp.maxphysicalbytes=0");
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    List.of(arguments).forEach(argument -> command.add(argument.toString()));
    Path output = Files.createTempFile(directory, "output", ".txt");
    int exitCode =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start()
            .waitFor();
    assertThat(exitCode).as(Files.readString(output)).isZero();
    return Files.readString(output);
  }

  @Test
  void commands_onMoreDataThanMemory_streamIt() throws Exception {
    Path sft = directory.resolve("sft");
    String trained =
        run(
            "sft",
            "--data",
            data,
            "--layers",
            1,
            "--width",
            8,
            "--heads",
            1,
            "--context",
            1100,
            "--steps",
            1,
            "--batch",
            1,
            "--held-out",
            0,
            "--out",
            sft);
    assertThat(trained).contains(LINES + " sequences");
    Path model = sft.resolve("model");

    String reward =
        run(
            "reward",
            "--policy",
            model,
            "--data",
            data,
            "--max-tokens",
            1100,
            "--steps",
            1,
            "--batch",
            1,
            "--micro-batch",
            1,
            "--held-out",
            0.0002,
            "--out",
            directory.resolve("reward"));
    assertThat(reward)
        .contains(2 * LINES + " sequences", LINES + " of " + LINES + " comparisons truncated");

    String aligned =
        run(
            "align",
            "--policy",
            model,
            "--reward",
            "sentiment",
            "--prompts",
            data,
            "--steps",
            1,
            "--prompts-per-step",
            2,
            "--evaluation-prompts",
            1,
            "--max-new-tokens",
            2,
            "--out",
            directory.resolve("aligned"));
    assertThat(aligned).contains(LINES + " sequences");
  }
}
