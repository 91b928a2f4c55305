package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** What the help of a command says is so. */
class HelpTest {

  private static Stream<String> commands() {
    return Main.commandLine().getSubcommands().keySet().stream();
  }

  private static CommandSpec spec(String command) {
    return Objects.requireNonNull(Main.commandLine().getSubcommands().get(command))
        .getCommandSpec();
  }

  private static List<String> words(String line) {
    return Splitter.on(' ').omitEmptyStrings().splitToList(line);
  }

  @ParameterizedTest
  @MethodSource("commands")
  void examples_nameTheCommandAndOptionsThatItHas(String command) {
    List<String> examples =
        Stream.of(spec(command).usageMessage().footer())
            .filter(line -> line.startsWith("  p3o "))
            .toList();
    assertThat(examples).isNotEmpty();
    for (String example : examples) {
      assertThat(words(example)).startsWith("p3o", command);
      assertThat(words(example).stream().filter(word -> word.startsWith("--")))
          .allSatisfy(option -> assertThat(spec(command).findOption(option)).isNotNull());
    }
  }

  /** By the class that makes them, not by the help itself. */
  @ParameterizedTest
  @MethodSource("commands")
  void out_namesADefaultDirectoryWhereOneIsMade(String command) {
    boolean always =
        List.of("quickstart", "sft", "reward", "align", "tournament", "certify").contains(command);
    assertThat(help(command).contains("runs/COMMAND-TIME")).isEqualTo(always);
  }

  @Test
  void generate_withoutOut_namesNoDirectory() {
    assertThat(help("generate"))
        .contains("with --out they go to DIR/samples.jsonl too")
        .contains("Run directory, new or empty (default: none).");
  }

  /** Numbers and words that are shown as defaults are those that the command has. */
  @ParameterizedTest
  @MethodSource("commands")
  void defaults_areThoseOfTheOptions(String command) {
    spec(command).options().stream()
        .filter(option -> option.defaultValue() != null)
        .forEach(
            option ->
                assertThat(String.join(" ", option.description()).toLowerCase(Locale.ROOT))
                    .as(option.longestName())
                    .containsAnyOf(
                        "${default-value}",
                        "default: " + option.defaultValue().toLowerCase(Locale.ROOT),
                        "(default)",
                        "default: all"));
  }

  private static String help(String command) {
    return spec(command)
        .commandLine()
        .getUsageMessage(CommandLine.Help.Ansi.OFF)
        .replaceAll("\\s+", " ");
  }
}
