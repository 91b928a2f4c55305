package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.internal.Objective;

/** How much of its own β an objective uses in the next step; starts at all of it. */
final class KlController implements Stateful {

  private final KlControl control;
  private double scale = 1;

  KlController(KlControl control, Objective objective) {
    checkArgument(
        control.mode() == KlControl.Mode.FIXED || objective.klPenalty() > 0,
        "klControl: expected FIXED for %s, which has no KL in its reward, got ADAPTIVE",
        objective.description());
    this.control = control;
  }

  /** The factor of β. */
  double scale() {
    return scale;
  }

  /** Takes the KL of a step into account. */
  void observe(double kl, int responses) {
    scale *= control.factor(kl, responses);
  }

  @Override
  public String state() {
    return Double.toString(scale);
  }

  @Override
  public void restore(String state) {
    double restored = Double.parseDouble(state);
    checkArgument(
        restored >= 0 && Double.isFinite(restored),
        "klControl: expected a finite number >= 0 as state, got %s",
        state);
    scale = restored;
  }
}
