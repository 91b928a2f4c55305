package io.github.p3o.examples;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the objective. */
final class ObjectiveOptions {

  @Option(
      order = 30,
      names = "--loss",
      paramLabel = "NAME",
      defaultValue = "p3o-v2",
      description = "p3o-v1 (separate clipping), p3o-v2 (joint; default) or ppo (on tokens).")
  private Objective objective = Objective.P3O_V2;

  @Option(
      order = 31,
      names = "--kl-coefficient",
      paramLabel = "X",
      defaultValue = "0.05",
      description = "Beta: reward that a nat of KL must earn (default: ${DEFAULT-VALUE}).")
  private double klCoefficient;

  @Option(
      order = 32,
      names = "--clip-range",
      paramLabel = "X",
      defaultValue = "0.2",
      description = "Epsilon: how far an update may go (default: ${DEFAULT-VALUE}).")
  private double clipRange;

  @Option(
      order = 33,
      names = "--weight-clip",
      paramLabel = "X",
      description = "c of p3o: importance weights stay within 1/c and c (default: 10).")
  private @Nullable Double weightClip;

  /** The objective's name. */
  String name() {
    return objective.toString();
  }

  /** The objective. */
  Learner learner() {
    if (objective == Objective.PPO && weightClip != null) {
      throw new UsageException(
          "--weight-clip: expected with --loss p3o-v1 or p3o-v2, got it with ppo");
    }
    return objective.learner(klCoefficient, clipRange, weightClip == null ? 10 : weightClip);
  }
}
