package io.github.p3o.examples.run;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of every command that leaves a run directory. */
public final class RunOptions {

  @Mixin private final SeedOptions common = new SeedOptions();

  @Option(
      order = 91,
      names = "--out",
      paramLabel = "DIR",
      description = "Run directory, new or empty (default: runs/COMMAND-TIME).")
  private @Nullable Path out;

  /** What every random choice follows from. */
  public long seed() {
    return common.seed();
  }

  /** The run directory that was asked for. */
  public @Nullable Path out() {
    return out;
  }

  /** How progress is shown. */
  public DisplayOptions display() {
    return common.display();
  }
}
