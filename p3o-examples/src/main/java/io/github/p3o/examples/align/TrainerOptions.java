package io.github.p3o.examples.align;

import io.github.p3o.OptimizerConfig;
import io.github.p3o.TrainerConfig;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.loss.Preset;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the trainer: a file, and what overrides it. */
final class TrainerOptions {

  @Option(
      order = 40,
      names = "--config",
      paramLabel = "FILE",
      description = "Trainer settings, YAML or JSON; the options below override it.")
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

  /**
   * The settings of the file, of the preset, or the defaults, with the options over them.
   *
   * @param preset the author's settings
   * @param usualEpochs the epochs on a rollout that the objective wants, if neither file nor option
   *     says
   * @param seed overrides the file's, if given
   */
  TrainerConfig config(@Nullable Preset preset, int usualEpochs, @Nullable Long seed) {
    TrainerConfig base = base(preset, usualEpochs);
    int perStep = or(promptsPerStep, base.promptsPerStep());
    int perUpdate =
        base.promptsPerUpdate() == base.promptsPerStep() ? perStep : base.promptsPerUpdate();
    return new TrainerConfig(
        seed == null ? base.seed() : seed,
        perStep,
        or(responsesPerPrompt, base.responsesPerPrompt()),
        or(epochsPerStep, base.epochsPerStep()),
        or(promptsPerUpdate, perUpdate),
        or(microBatch, base.promptsPerMicroBatch()),
        optimizer(base.optimizer()),
        base.ratioCheck(),
        base.rewardShaping(),
        base.klControl(),
        base.maxApproximateKl(),
        base.rolloutsAhead());
  }

  private TrainerConfig base(@Nullable Preset preset, int usualEpochs) {
    if (preset != null && file != null) {
      throw new UsageException("--preset, --config: expected at most one of them, got both");
    }
    if (preset != null) {
      return preset.config().epochsPerStep(usualEpochs).build();
    }
    TrainerConfig.Builder defaults = TrainerConfig.builder().epochsPerStep(usualEpochs);
    TrainerConfig base = file == null ? defaults.build() : TrainerConfig.read(file, defaults);
    if (base.rolloutsAhead() > 0) { // the evaluations use the same reward model between the steps
      throw new UsageException(
          "rolloutsAhead: expected 0 on the command line, got " + base.rolloutsAhead());
    }
    return base;
  }

  private OptimizerConfig optimizer(OptimizerConfig base) {
    return new OptimizerConfig(
        learningRate == null ? base.learningRate() : learningRate,
        base.beta1(),
        base.beta2(),
        base.epsilon(),
        base.weightDecay(),
        maxGradientNorm == null ? base.maxGradientNorm() : maxGradientNorm,
        base.warmupUpdates(),
        base.schedule(),
        base.totalUpdates());
  }

  private static int or(@Nullable Integer value, int other) {
    return value == null ? other : value;
  }
}
