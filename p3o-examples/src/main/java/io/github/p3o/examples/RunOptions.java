package io.github.p3o.examples;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of every command that runs. */
final class RunOptions {

  @Option(
      order = 90,
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Every random choice follows from it (default: ${DEFAULT-VALUE}).")
  long seed;

  @Option(
      order = 91,
      names = "--out",
      paramLabel = "DIR",
      description = "Run directory, new or empty (default: runs/COMMAND-TIME).")
  @Nullable Path out;

  @Mixin final DisplayOptions display = new DisplayOptions();
}
