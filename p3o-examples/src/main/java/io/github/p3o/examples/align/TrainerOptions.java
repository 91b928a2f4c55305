package io.github.p3o.examples.align;

import io.github.p3o.OptimizerConfig;
import io.github.p3o.TrainerConfig;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.loss.Preset;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the trainer: a file, and what overrides it. */
final class TrainerOptions {

  @Option(
      order = 40,
      names = "--config",
      paramLabel = "FILE",
      description =
          "Trainer settings, YAML or JSON; the options below override it, and are checked together"
              + " with it.")
  private @Nullable Path file;

  @Option(
      order = 41,
      names = "--prompts-per-step",
      paramLabel = "N",
      description = "Prompts of each step, answered twice or more (default: 64).")
  private @Nullable Integer promptsPerStep;

  @Option(
      order = 42,
      names = "--responses-per-prompt",
      paramLabel = "K",
      description = "From 2 on; all pairs are used (default: 2).")
  private @Nullable Integer responsesPerPrompt;

  @Option(
      order = 42,
      names = "--epochs-per-step",
      paramLabel = "N",
      description =
          "How often each rollout is used (default: 4; 1 for ppg, vpg and rloo, which take"
              + " responses for the policy's own).")
  private @Nullable Integer epochsPerStep;

  @Option(
      order = 43,
      names = "--prompts-per-update",
      paramLabel = "N",
      description = "Prompts of one update (default: all of the step).")
  private @Nullable Integer promptsPerUpdate;

  @Option(
      order = 44,
      names = "--micro-batch",
      paramLabel = "N",
      description =
          "Prompts whose gradients are computed at once; bounds the memory (default: 64).")
  private @Nullable Integer microBatch;

  @Option(
      order = 45,
      names = "--learning-rate",
      paramLabel = "X",
      description = "Of AdamW (default: 1e-4).")
  private @Nullable Double learningRate;

  @Option(
      order = 46,
      names = "--max-gradient-norm",
      paramLabel = "X",
      description = "Greater gradients are scaled down to it (default: 1).")
  private @Nullable Double maxGradientNorm;

  @Option(
      order = 47,
      names = "--warmup-updates",
      paramLabel = "N",
      description = "Updates over which the learning rate rises to its peak (default: 0).")
  private @Nullable Integer warmupUpdates;

  @Option(
      order = 48,
      names = "--weight-decay",
      paramLabel = "X",
      description = "Weights shrink by learning rate times this at each update (default: 1e-6).")
  private @Nullable Double weightDecay;

  /**
   * The settings of the file, of the preset, or the defaults, with the options over them; checked
   * when all are there, since each may be legal only with the others.
   *
   * @param preset the author's settings
   * @param usualEpochs the epochs on a rollout that the objective wants, if neither file nor option
   *     says
   * @param seed overrides the file's, if given
   */
  TrainerConfig config(@Nullable Preset preset, int usualEpochs, @Nullable Long seed) {
    check();
    TrainerConfig.Builder settings = base(preset, usualEpochs).optimizer(this::optimizer);
    set(seed, settings::seed);
    set(promptsPerStep, settings::promptsPerStep);
    set(responsesPerPrompt, settings::responsesPerPrompt);
    set(epochsPerStep, settings::epochsPerStep);
    set(promptsPerUpdate, settings::promptsPerUpdate);
    set(microBatch, settings::promptsPerMicroBatch);
    TrainerConfig config = built(settings);
    if (config.rolloutsAhead() > 0) { // the evaluations use the same reward model between the steps
      throw new UsageException(
          "rolloutsAhead: expected 0 on the command line, got " + config.rolloutsAhead());
    }
    return config;
  }

  /** What is wrong with an option itself is not the file's mistake. */
  private void check() {
    Checks.atLeast("--prompts-per-step", 1, promptsPerStep);
    Checks.atLeast("--responses-per-prompt", 2, responsesPerPrompt);
    Checks.atLeast("--epochs-per-step", 1, epochsPerStep);
    Checks.atLeast("--prompts-per-update", 1, promptsPerUpdate);
    Checks.atLeast("--micro-batch", 1, microBatch);
  }

  private static <T> void set(@Nullable T value, Consumer<T> setting) {
    if (value != null) {
      setting.accept(value);
    }
  }

  private TrainerConfig built(TrainerConfig.Builder settings) {
    try {
      return settings.build();
    } catch (IllegalArgumentException e) {
      throw new UsageException((file == null ? "" : file + ": ") + e.getMessage());
    }
  }

  private TrainerConfig.Builder base(@Nullable Preset preset, int usualEpochs) {
    if (preset != null && file != null) {
      throw new UsageException("--preset, --config: expected at most one of them, got both");
    }
    TrainerConfig.Builder base =
        (preset == null ? TrainerConfig.builder() : preset.config()).epochsPerStep(usualEpochs);
    return file == null ? base : TrainerConfig.builder(file, base);
  }

  private OptimizerConfig optimizer(OptimizerConfig base) {
    try {
      OptimizerConfig config = base;
      if (learningRate != null) {
        config = config.withLearningRate(learningRate);
      }
      if (maxGradientNorm != null) {
        config = config.withMaxGradientNorm(maxGradientNorm);
      }
      if (warmupUpdates != null) {
        config = config.withSchedule(warmupUpdates, config.schedule(), config.totalUpdates());
      }
      return weightDecay == null ? config : config.withWeightDecay(weightDecay);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }
}
