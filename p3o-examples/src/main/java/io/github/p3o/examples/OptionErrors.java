package io.github.p3o.examples;

import com.google.common.base.CaseFormat;
import com.google.common.base.CharMatcher;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Turns the library's errors, of parameters and of files, into those of options. */
final class OptionErrors {

  private static final CharMatcher SEPARATORS = CharMatcher.anyOf("/\\");

  /** What follows the path of a file in an error: a rule, a line, or a file in the directory. */
  private static final CharMatcher AFTER_PATH = SEPARATORS.or(CharMatcher.anyOf(":,"));

  private OptionErrors() {}

  /**
   * The library's {@code learningRate: expected …} is the command line's {@code --learning-rate},
   * and {@code texts.jsonl:2: expected …} is wrong with {@code --data}.
   *
   * @param reason of a failure
   * @param spec the command that failed
   * @return the reason with the option in front; as it is if it is about none
   */
  static String asOption(String reason, CommandSpec spec) {
    String parameter = reason.substring(0, Math.max(0, reason.indexOf(':')));
    String option = "--" + CaseFormat.LOWER_CAMEL.to(CaseFormat.LOWER_HYPHEN, parameter);
    return spec.findOption(option) == null
        ? ofFile(reason, spec)
        : option + reason.substring(parameter.length());
  }

  /** An option and a path that was given with it. */
  private record Given(String option, String path) {

    boolean isBlamed(String reason) {
      return reason.startsWith(path)
          && reason.length() > path.length()
          && AFTER_PATH.matches(reason.charAt(path.length()));
    }
  }

  /** Of a file in a directory that was given too, the file's; of one that was given twice, both. */
  private static String ofFile(String reason, CommandSpec spec) {
    List<Given> blamed =
        spec.options().stream()
            .filter(OptionErrors::isRead)
            .flatMap(option -> paths(option).map(path -> new Given(option.longestName(), path)))
            .filter(given -> given.isBlamed(reason))
            .toList();
    int longest = blamed.stream().mapToInt(given -> given.path().length()).max().orElse(0);
    String options =
        blamed.stream()
            .filter(given -> given.path().length() == longest)
            .map(Given::option)
            .distinct()
            .collect(Collectors.joining(", "));
    return options.isEmpty() ? reason : options + ": " + reason;
  }

  /** Where a run writes to is nobody's mistake. */
  private static boolean isRead(OptionSpec option) {
    String label = option.paramLabel();
    return (label.contains("FILE") || label.contains("DIR"))
        && !option.hidden()
        && !option.longestName().equals("--out");
  }

  private static Stream<String> paths(OptionSpec option) {
    return values(option.getValue())
        .map(value -> SEPARATORS.trimTrailingFrom(value.toString()))
        .filter(path -> !path.isEmpty());
  }

  private static Stream<?> values(@Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.values().stream();
    }
    return value instanceof Collection<?> collection
        ? collection.stream()
        : Stream.ofNullable(value);
  }
}
