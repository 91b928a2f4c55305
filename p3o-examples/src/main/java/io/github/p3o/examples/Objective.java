package io.github.p3o.examples;

import io.github.p3o.loss.KlShaping;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.loss.PpoConfig;
import io.github.p3o.loss.TokenPpoLoss;

/** The objectives that {@code align} knows, by their names on the command line. */
enum Objective {
  /** Separate clipping. */
  P3O_V1("p3o-v1"),
  /** Joint clipping. */
  P3O_V2("p3o-v2"),
  /** PPO on tokens, with a value head. */
  PPO("ppo");

  private final String id;

  Objective(String id) {
    this.id = id;
  }

  /** The objective with these constants; PPO has no weight to clip. */
  Learner learner(double klCoefficient, double clipRange, double weightClip) {
    return switch (this) {
      case P3O_V1 -> Learner.of(constants(P3OLoss.v1(), klCoefficient, clipRange, weightClip));
      case P3O_V2 -> Learner.of(constants(P3OLoss.v2(), klCoefficient, clipRange, weightClip));
      case PPO -> {
        PpoConfig usual = new PpoConfig();
        yield Learner.of(
            new TokenPpoLoss(
                usual
                    .withKlCoefficient(klCoefficient)
                    .withClipRanges(clipRange, usual.valueClipRange())));
      }
    };
  }

  private static P3OLoss constants(
      P3OLoss loss, double klCoefficient, double clipRange, double weightClip) {
    return loss.withKlShaping(KlShaping.rollout(klCoefficient))
        .withClipRange(clipRange)
        .withWeightClip(weightClip);
  }

  @Override
  public String toString() {
    return id;
  }
}
