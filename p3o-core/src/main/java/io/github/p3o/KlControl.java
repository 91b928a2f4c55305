package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * What becomes of the KL coefficient β of an objective over the steps of a run.
 *
 * @param mode whether it changes
 * @param target of ADAPTIVE, the KL(π‖π_ref) to keep, in nats per response, &gt; 0
 * @param horizon of ADAPTIVE, the responses over which β can change by a fifth, ≥ 1
 */
public record KlControl(Mode mode, double target, double horizon) {

  /** The ways to control β. */
  public enum Mode {
    /** β stays the objective's own. */
    FIXED,
    /**
     * After each step β is multiplied by {@code 1 + clip(KL/target − 1, −0.2, 0.2) · n/horizon},
     * with n the step's responses (Ziegler et al., arXiv 1909.08593, section 2.2).
     */
    ADAPTIVE
  }

  /** Checks the numbers. */
  public KlControl {
    checkArgument(
        target > 0 && Double.isFinite(target),
        "klControl.target: expected a finite number > 0, got %s",
        target);
    checkArgument(
        horizon >= 1 && Double.isFinite(horizon),
        "klControl.horizon: expected a finite number >= 1, got %s",
        horizon);
  }

  /**
   * β stays as it is.
   *
   * @return the control; its numbers, unused, are Ziegler's
   */
  public static KlControl fixed() {
    return new KlControl(Mode.FIXED, 6, 10_000);
  }

  /**
   * β follows the KL.
   *
   * @param target nats per response, &gt; 0
   * @param horizon responses, ≥ 1; Ziegler's is 10,000
   * @return the control
   */
  public static KlControl adaptive(double target, double horizon) {
    return new KlControl(Mode.ADAPTIVE, target, horizon);
  }
}
