package io.github.p3o.examples;

import io.github.p3o.PairwiseLoss;
import picocli.CommandLine.Option;

/** Options of the objective. */
final class ObjectiveOptions {

  @Option(
      order = 30,
      names = "--loss",
      paramLabel = "NAME",
      defaultValue = "p3o-v2",
      description = "p3o-v1 (separate clipping) or p3o-v2 (joint; default).")
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
      defaultValue = "10",
      description = "c: importance weights stay within 1/c and c (default: ${DEFAULT-VALUE}).")
  private double weightClip;

  /** The objective's name. */
  String name() {
    return objective.toString();
  }

  /** The objective. */
  PairwiseLoss loss() {
    return objective.loss(klCoefficient, clipRange, weightClip);
  }
}
