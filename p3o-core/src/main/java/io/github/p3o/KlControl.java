package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * What becomes of the KL coefficient β of an objective over the steps of a run.
 *
 * @param mode whether it changes
 * @param target of ADAPTIVE, the KL(π‖π_ref) to keep, in nats per response, &gt; 0
 * @param horizon of ADAPTIVE, the responses over which β can change by a fifth, ≥ 1, and above a
 *     fifth of the responses of a step
 */
public record KlControl(Mode mode, double target, double horizon) {

  /** So that one outlying step does not throw β off: Ziegler's bound of the proportional error. */
  private static final double MAX_ERROR = 0.2;

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
   * What β is multiplied by after a step. The trainer does so by itself; with a {@link
   * LossEvaluator} it is for the caller.
   *
   * @param kl of the step, Σ log π/π_ref of a response on average, in nats
   * @param responses of the step, below five horizons
   * @return the factor; 1 if the control is FIXED
   */
  public double factor(double kl, double responses) {
    if (mode == Mode.FIXED) {
      return 1;
    }
    double error = Math.max(-MAX_ERROR, Math.min(MAX_ERROR, kl / target - 1));
    return 1 + error * responses / horizon;
  }

  /** Refuses a horizon so short that one step could take β to 0, where it stays, or below. */
  void checkFor(double responses) {
    checkArgument(
        factor(Double.NEGATIVE_INFINITY, responses) > 0,
        "klControl.horizon: expected above %s, a fifth of the %s responses of a step"
            + " (promptsPerStep * responsesPerPrompt), since one step could set the KL coefficient"
            + " to 0 for good, got %s",
        responses / 5,
        (long) responses,
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
   * @param horizon responses, ≥ 1, and above a fifth of the responses of a step; Ziegler's is
   *     10,000
   * @return the control
   */
  public static KlControl adaptive(double target, double horizon) {
    return new KlControl(Mode.ADAPTIVE, target, horizon);
  }
}
