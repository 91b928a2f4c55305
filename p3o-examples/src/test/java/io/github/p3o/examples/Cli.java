package io.github.p3o.examples;

import static com.google.common.collect.ImmutableList.toImmutableList;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import picocli.CommandLine;

/**
 * What a run of the command line printed.
 *
 * @param exitCode of the process
 * @param out standard output
 * @param err standard error
 */
public record Cli(int exitCode, String out, String err) {

  /**
   * Runs the command line in this process.
   *
   * @param command its words, with {@code %s} for what is not known beforehand or holds spaces
   * @param values for each {@code %s}
   */
  public static Cli run(String command, Object... values) {
    return run(words(command, values));
  }

  /** Runs a command of these words. */
  static Cli run(List<String> words) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    int exitCode = commandLine.execute(words.toArray(String[]::new));
    return new Cli(exitCode, out.toString(), err.toString());
  }

  /** The words of a command, each value within one. */
  static ImmutableList<String> words(String command, Object... values) {
    Iterator<Object> next = Arrays.asList(values).iterator();
    ImmutableList<String> words =
        Splitter.on(' ')
            .omitEmptyStrings()
            .splitToStream(command)
            .map(word -> word.contains("%s") ? word.replace("%s", next.next().toString()) : word)
            .collect(toImmutableList());
    assertThat(next).as("values that %s has no place for", command).isExhausted();
    return words;
  }

  /** Makes a model of one text, as small as one can be, in one step. */
  public static Path tinyModel(Path directory) throws IOException {
    Path data = Files.writeString(directory.resolve("texts.jsonl"), "{\"text\": \"abab\"}\n");
    Path out = directory.resolve("sft");
    run("sft --data %s --width 16 --heads 2 --context 32 --steps 1 --out %s", data, out).succeeds();
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
