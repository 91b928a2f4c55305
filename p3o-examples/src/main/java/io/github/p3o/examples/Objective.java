package io.github.p3o.examples;

import io.github.p3o.loss.KlShaping;
import io.github.p3o.loss.P3OLoss;

/** The objectives that {@code align} knows, by their names on the command line. */
enum Objective {
  /** Separate clipping. */
  P3O_V1("p3o-v1"),
  /** Joint clipping. */
  P3O_V2("p3o-v2");

  private final String id;

  Objective(String id) {
    this.id = id;
  }

  /** The loss with these constants. */
  P3OLoss loss(double klCoefficient, double clipRange, double weightClip) {
    P3OLoss loss = this == P3O_V1 ? P3OLoss.v1() : P3OLoss.v2();
    return loss.withKlShaping(KlShaping.rollout(klCoefficient))
        .withClipRange(clipRange)
        .withWeightClip(weightClip);
  }

  @Override
  public String toString() {
    return id;
  }
}
