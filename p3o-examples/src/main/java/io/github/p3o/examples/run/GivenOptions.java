package io.github.p3o.examples.run;

import com.google.common.collect.ImmutableSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** What a user gave on the command line. */
public final class GivenOptions {

  private GivenOptions() {}

  /** The names of a mixin's options, those of its own mixins too. */
  public static ImmutableSet<String> namesOf(Object mixin) {
    return ImmutableSet.copyOf(CommandSpec.forAnnotatedObject(mixin).optionsMap().keySet());
  }

  /**
   * Refuses options that were given and would mean nothing.
   *
   * @param spec of the command
   * @param names of options that mean nothing as things are
   * @param rule what would give them a meaning, and what there is in its place
   */
  public static void refuse(CommandSpec spec, Set<String> names, String rule) {
    List<String> meaningless =
        spec.commandLine().getParseResult().matchedOptions().stream()
            .map(OptionSpec::longestName)
            .filter(names::contains)
            .distinct()
            .toList();
    if (!meaningless.isEmpty()) {
      throw new UsageException(String.join(", ", meaningless) + ": expected " + rule);
    }
  }
}
