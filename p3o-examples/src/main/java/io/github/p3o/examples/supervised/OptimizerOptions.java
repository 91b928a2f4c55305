package io.github.p3o.examples.supervised;

import io.github.p3o.OptimizerConfig;
import io.github.p3o.examples.run.UsageException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the optimiser of a supervised training. */
final class OptimizerOptions {

  @Option(
      order = 45,
      names = "--learning-rate",
      paramLabel = "X",
      defaultValue = "1e-3",
      description = "Of AdamW, falling on a cosine to 0 (default: ${DEFAULT-VALUE}).")
  private double learningRate;

  @Option(
      order = 46,
      names = "--max-gradient-norm",
      paramLabel = "X",
      defaultValue = "1",
      description = "Greater gradients are scaled down to it (default: ${DEFAULT-VALUE}).")
  private double maxGradientNorm;

  @Option(
      order = 47,
      names = "--warmup-updates",
      paramLabel = "N",
      description =
          "Updates over which the learning rate rises to its peak (default: a tenth of the steps,"
              + " at most 20).")
  private @Nullable Integer warmupUpdates;

  @Option(
      order = 48,
      names = "--weight-decay",
      paramLabel = "X",
      defaultValue = "1e-6",
      description =
          "Weights shrink by learning rate times this at each update (default: ${DEFAULT-VALUE}).")
  private double weightDecay;

  /** Refuses what cannot be, before there is any work; the updates may not be known yet. */
  void check(@Nullable Integer steps) {
    config(steps == null ? Integer.MAX_VALUE - 1 : steps);
  }

  /** All of it, for a training of so many updates. */
  OptimizerConfig config(int steps) {
    OptimizerConfig usual = usual(learningRate, steps);
    int warmup = warmupUpdates == null ? usual.warmupUpdates() : warmupUpdates;
    if (warmup > steps) {
      throw new UsageException(
          String.format(
              Locale.ROOT,
              "--warmup-updates: expected at most the %d steps, got %d",
              steps,
              warmup));
    }
    return usual
        .withCosine(warmup, usual.totalUpdates())
        .withWeightDecay(weightDecay)
        .withMaxGradientNorm(maxGradientNorm);
  }

  /** A short warm-up, then a cosine that is still above 0 at the last update. */
  static OptimizerConfig usual(double learningRate, int steps) {
    return OptimizerConfig.adamW(learningRate).withCosine(Math.min(20, steps / 10), steps + 1);
  }
}
