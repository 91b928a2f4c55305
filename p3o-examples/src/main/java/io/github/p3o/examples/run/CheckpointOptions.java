package io.github.p3o.examples.run;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the commands whose runs can be resumed. */
public final class CheckpointOptions {

  @Option(
      order = 80,
      names = "--checkpoint-every",
      paramLabel = "N",
      defaultValue = "10",
      description = "Steps between checkpoints, for p3o resume (default: ${DEFAULT-VALUE}).")
  private int every;

  @Option(names = "--resume", hidden = true) // p3o resume sets it
  @Nullable Path resume;

  /** Steps between checkpoints. */
  public int every() {
    Checks.atLeast("--checkpoint-every", 1, every);
    return every;
  }
}
