package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.internal.Objective;

/** How much of its own β an objective uses in the next step; starts at all of it. */
final class KlController implements Stateful {

  /** So that one outlying step does not throw β off: Ziegler's bound of the proportional error. */
  private static final double MAX_ERROR = 0.2;

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
    if (control.mode() == KlControl.Mode.ADAPTIVE) {
      double error = Math.max(-MAX_ERROR, Math.min(MAX_ERROR, kl / control.target() - 1));
      // A factor below 0 would turn the penalty into a reward: more responses than the horizon.
      scale *= Math.max(0, 1 + error * responses / control.horizon());
    }
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
