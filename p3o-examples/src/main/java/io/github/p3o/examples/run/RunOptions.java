package io.github.p3o.examples.run;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of every command that runs. */
public final class RunOptions {

  @Option(
      order = 90,
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Every random choice follows from it (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      order = 91,
      names = "--out",
      paramLabel = "DIR",
      description = "Run directory, new or empty (default: runs/COMMAND-TIME).")
  private @Nullable Path out;

  @Mixin private final DisplayOptions display = new DisplayOptions();

  /** What every random choice follows from. */
  public long seed() {
    return seed;
  }

  /** The run directory that was asked for. */
  public @Nullable Path out() {
    return out;
  }

  /** How progress is shown. */
  public DisplayOptions display() {
    return display;
  }
}
