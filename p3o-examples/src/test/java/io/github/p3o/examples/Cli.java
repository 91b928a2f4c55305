package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine;

/**
 * What a run of the command line printed.
 *
 * @param exitCode of the process
 * @param out standard output
 * @param err standard error
 */
public record Cli(int exitCode, String out, String err) {

  /** Runs the command line in this process. */
  public static Cli run(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    String[] texts = new String[args.length];
    for (int i = 0; i < args.length; i++) {
      texts[i] = args[i].toString();
    }
    int exitCode = commandLine.execute(texts);
    return new Cli(exitCode, out.toString(), err.toString());
  }

  /** Makes a model of one text, as small as one can be, in one step. */
  public static Path tinyModel(Path directory) throws IOException {
    Path data = Files.writeString(directory.resolve("texts.jsonl"), "{\"text\": \"abab\"}\n");
    Path out = directory.resolve("sft");
    run(
            "sft",
            "--data",
            data,
            "--width",
            16,
            "--heads",
            2,
            "--context",
            32,
            "--steps",
            1,
            "--out",
            out)
        .succeeds();
    return out.resolve("model");
  }

  /** Checks that it went well. */
  public Cli succeeds() {
    assertThat(exitCode).as("exit code; standard error:%n%s", err).isZero();
    return this;
  }

  /** Checks that it failed with one clear line: no stack trace. */
  public Cli failsWith(int code, String... parts) {
    assertThat(exitCode).as("exit code; standard error:%n%s", err).isEqualTo(code);
    assertThat(err).containsPattern("(?m)^p3o: ");
    assertThat(err).contains(parts).doesNotContain("\tat ");
    return this;
  }

  /** Checks that nothing is printed but one line of what is wrong: no work was done before. */
  public Cli saysOneLine() {
    assertThat(out).isEmpty();
    assertThat(err.lines().filter(line -> !line.isBlank())).hasSize(1);
    return this;
  }
}
