package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * When a {@link HealthMonitor} gives alarm. {@link #defaults} has values with their reasons.
 *
 * @param window steps that an average or "sustained" is over, and the first steps that drifts are
 *     measured from, ≥ 1
 * @param negativeKl of NEGATIVE_KL: every KL of the window is below 0 and their mean is below minus
 *     this, nats, ≥ 0
 * @param klSpikeFactor of KL_SPIKE: times the mean of the window before, of which all steps were
 *     seen, &gt; 1
 * @param klSpikeNats of KL_SPIKE: and at least so much above it, ≥ 0
 * @param zeroSignal of NO_SIGNAL: share of prompts without a difference in reward, in (0, 1]
 * @param entropyShare of ENTROPY_COLLAPSE: of the entropy per token at the start, in (0, 1)
 * @param lengthFactor of LENGTH_DRIFT: times, or a part of, the mean length at the start, &gt; 1
 * @param clipFraction of CLIP_FRACTION: greatest mean over the window, in (0, 1]
 * @param effectiveSample of LOW_EFFECTIVE_SAMPLE: least {@code policy/effective_sample_fraction},
 *     in (0, 1)
 * @param hackingErrors of REWARD_HACKING: standard errors that reward must have risen, and gold
 *     fallen, since gold was best, ≥ 0
 */
public record HealthThresholds(
    int window,
    double negativeKl,
    double klSpikeFactor,
    double klSpikeNats,
    double zeroSignal,
    double entropyShare,
    double lengthFactor,
    double clipFraction,
    double effectiveSample,
    double hackingErrors) {

  /** Checks every value. */
  public HealthThresholds {
    checkArgument(window >= 1, "window: expected at least 1, got %s", window);
    check("negativeKl", negativeKl >= 0, ">= 0", negativeKl);
    check("klSpikeFactor", klSpikeFactor > 1, "> 1", klSpikeFactor);
    check("klSpikeNats", klSpikeNats >= 0, ">= 0", klSpikeNats);
    check("zeroSignal", zeroSignal > 0 && zeroSignal <= 1, "in (0, 1]", zeroSignal);
    check("entropyShare", entropyShare > 0 && entropyShare < 1, "in (0, 1)", entropyShare);
    check("lengthFactor", lengthFactor > 1, "> 1", lengthFactor);
    check("clipFraction", clipFraction > 0 && clipFraction <= 1, "in (0, 1]", clipFraction);
    check(
        "effectiveSample",
        effectiveSample > 0 && effectiveSample < 1,
        "in (0, 1)",
        effectiveSample);
    check("hackingErrors", hackingErrors >= 0, ">= 0", hackingErrors);
  }

  private static void check(String name, boolean holds, String rule, double value) {
    checkArgument(holds, "%s: expected a number %s, got %s", name, rule, value);
  }

  /**
   * Thresholds that a run which learns well stays within.
   *
   * @return the defaults
   */
  public static HealthThresholds defaults() {
    return new HealthThresholds(
        5, // five estimates of a KL of 0 are all below it once in 32 times, and seldom far
        0.1, // beyond the noise of 5 · 128 responses whose log-ratios spread by 1 nat, twice over
        3, // 2.5 is what a KL that rises evenly from 0 has at its sixth step, the first looked at
        1, // near the reference a small KL triples without meaning anything
        0.9, // with a tenth of the prompts the gradient is mostly noise
        0.1, // sharpening to a half or a third is learning; a tenth is one answer to everything
        2, // rewards that grow with length double it long before people notice
        0.5, // PPO's runs in the literature lie between 0.1 and 0.3
        0.3, // of 4 updates, of which the first has 1: below, the other three have less than 0.07
        4); // the best of 25 equal evaluations is so far above a later one 1 time in 100
  }

  /**
   * With another window.
   *
   * @param window steps that an average or "sustained" is over, ≥ 1
   * @return the copy
   */
  public HealthThresholds withWindow(int window) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another bound of NEGATIVE_KL.
   *
   * @param negativeKl nats, ≥ 0
   * @return the copy
   */
  public HealthThresholds withNegativeKl(double negativeKl) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another factor of KL_SPIKE.
   *
   * @param klSpikeFactor times the mean of the window before, &gt; 1
   * @return the copy
   */
  public HealthThresholds withKlSpikeFactor(double klSpikeFactor) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another rise of KL_SPIKE.
   *
   * @param klSpikeNats nats above that mean, at least, ≥ 0
   * @return the copy
   */
  public HealthThresholds withKlSpikeNats(double klSpikeNats) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another share of NO_SIGNAL.
   *
   * @param zeroSignal share of prompts, in (0, 1]
   * @return the copy
   */
  public HealthThresholds withZeroSignal(double zeroSignal) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another share of ENTROPY_COLLAPSE.
   *
   * @param entropyShare of the entropy per token at the start, in (0, 1)
   * @return the copy
   */
  public HealthThresholds withEntropyShare(double entropyShare) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another factor of LENGTH_DRIFT.
   *
   * @param lengthFactor times, or a part of, the mean length at the start, &gt; 1
   * @return the copy
   */
  public HealthThresholds withLengthFactor(double lengthFactor) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another bound of CLIP_FRACTION.
   *
   * @param clipFraction greatest mean over the window, in (0, 1]
   * @return the copy
   */
  public HealthThresholds withClipFraction(double clipFraction) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another bound of LOW_EFFECTIVE_SAMPLE.
   *
   * @param effectiveSample least share, in (0, 1)
   * @return the copy
   */
  public HealthThresholds withEffectiveSample(double effectiveSample) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }

  /**
   * With another bound of REWARD_HACKING.
   *
   * @param hackingErrors standard errors, ≥ 0
   * @return the copy
   */
  public HealthThresholds withHackingErrors(double hackingErrors) {
    return new HealthThresholds(
        window,
        negativeKl,
        klSpikeFactor,
        klSpikeNats,
        zeroSignal,
        entropyShare,
        lengthFactor,
        clipFraction,
        effectiveSample,
        hackingErrors);
  }
}
