package io.github.p3o.examples.run;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of every command that draws at random. */
public final class SeedOptions {

  @Option(
      order = 90,
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Every random choice follows from it (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Mixin private final DisplayOptions display = new DisplayOptions();

  /** What every random choice follows from. */
  public long seed() {
    return seed;
  }

  /** How progress is shown. */
  public DisplayOptions display() {
    return display;
  }
}
