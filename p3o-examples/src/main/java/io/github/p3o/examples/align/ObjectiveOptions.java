package io.github.p3o.examples.align;

import io.github.p3o.loss.Preset;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the objective. */
final class ObjectiveOptions {

  @Option(
      order = 30,
      names = "--loss",
      paramLabel = "NAME",
      defaultValue = "p3o-v2",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private Objective objective = Objective.P3O_V2;

  @Option(
      order = 31,
      names = "--kl-coefficient",
      paramLabel = "X",
      description =
          "Beta: reward that a nat of KL must earn (default: 0.05; online-dpo's own beta: 0.1).")
  private @Nullable Double klCoefficient;

  @Option(
      order = 32,
      names = "--clip-range",
      paramLabel = "X",
      description = "Epsilon of p3o and ppo: how far an update may go (default: 0.2).")
  private @Nullable Double clipRange;

  @Option(
      order = 33,
      names = "--weight-clip",
      paramLabel = "X",
      description = "c of p3o: importance weights stay within 1/c and c (default: 10).")
  private @Nullable Double weightClip;

  @Option(
      order = 34,
      names = "--value-coefficient",
      paramLabel = "X",
      description = "Weight of ppo's value loss beside the policy's (default: 0.1).")
  private @Nullable Double valueCoefficient;

  @Option(
      order = 35,
      names = "--gae-lambda",
      paramLabel = "X",
      description =
          "Lambda of ppo's advantages; below 1 for values that are learned already (default: 1).")
  private @Nullable Double gaeLambda;

  /** The objective's name. */
  String name() {
    return objective.toString();
  }

  /** How often a rollout is used, if nobody says otherwise. */
  int epochsPerStep() {
    return objective.epochsPerStep();
  }

  /** The objective, by a preset if there is one. */
  Learner learner(@Nullable Preset preset) {
    return objective.learner(
        new Constants(preset, klCoefficient, clipRange, weightClip, valueCoefficient, gaeLambda));
  }
}
