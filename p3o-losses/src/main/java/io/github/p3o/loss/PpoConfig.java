package io.github.p3o.loss;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.internal.Given;

/**
 * The settings of {@link TokenPpoLoss}. The defaults are the usual ones of language models (Ouyang
 * et al., arXiv 2203.02155; TRL's PPO trainer), but for λ, which is 1 in place of 0.95: the reward
 * comes at the end, and values that start at 0 make of a smaller λ a discount of it by {@code
 * λ^(tokens that follow)}, which pays for short responses until the values are learned.
 *
 * @param clipRange ε &gt; 0 of a token's ratio; infinite to clip nothing
 * @param valueClipRange ε_v &gt; 0, how far a value may move in one rollout, in the unit of the
 *     reward; infinite to clip nothing
 * @param valueCoefficient weight of the value loss beside the policy's, ≥ 0
 * @param gamma γ, what a reward one token later is worth, 0 to 1
 * @param lambda λ, how far advantages look past the next value, 0 to 1; below 1 for values that are
 *     good already, whose errors it trades for less variance
 * @param klCoefficient β ≥ 0, in reward per nat
 * @param whitening what is done to advantages before they are used
 */
public record PpoConfig(
    double clipRange,
    double valueClipRange,
    double valueCoefficient,
    double gamma,
    double lambda,
    double klCoefficient,
    Whitening whitening) {

  /** Checks every setting. */
  public PpoConfig {
    Given.notNull("whitening", "one", whitening);
    checkArgument(clipRange > 0, "clipRange: expected > 0, got %s", clipRange);
    checkArgument(valueClipRange > 0, "valueClipRange: expected > 0, got %s", valueClipRange);
    checkFromZero("valueCoefficient", valueCoefficient);
    checkShare("gamma", gamma);
    checkShare("lambda", lambda);
    checkFromZero("klCoefficient", klCoefficient);
  }

  private static void checkFromZero(String name, double value) {
    checkArgument(
        value >= 0 && Double.isFinite(value),
        "%s: expected a finite number >= 0, got %s",
        name,
        value);
  }

  private static void checkShare(String name, double value) {
    checkArgument(value >= 0 && value <= 1, "%s: expected from 0 to 1, got %s", name, value);
  }

  /** ε = ε_v = 0.2, value coefficient 0.1, γ = λ = 1, β = 0.05, whitened. */
  public PpoConfig() {
    this(0.2, 0.2, 0.1, 1, 1, 0.05, Whitening.OVER_ROLLOUT);
  }

  /**
   * The same with other clip ranges.
   *
   * @param ofRatio ε &gt; 0
   * @param ofValue ε_v &gt; 0
   * @return the settings
   * @throws IllegalArgumentException unless positive
   */
  public PpoConfig withClipRanges(double ofRatio, double ofValue) {
    return new PpoConfig(
        ofRatio, ofValue, valueCoefficient, gamma, lambda, klCoefficient, whitening);
  }

  /**
   * The same with another weight of the value loss.
   *
   * @param valueCoefficient ≥ 0
   * @return the settings
   * @throws IllegalArgumentException if negative or not finite
   */
  public PpoConfig withValueCoefficient(double valueCoefficient) {
    return new PpoConfig(
        clipRange, valueClipRange, valueCoefficient, gamma, lambda, klCoefficient, whitening);
  }

  /**
   * The same with other advantages.
   *
   * @param gamma γ from 0 to 1
   * @param lambda λ from 0 to 1
   * @return the settings
   * @throws IllegalArgumentException if out of range
   */
  public PpoConfig withDiscounts(double gamma, double lambda) {
    return new PpoConfig(
        clipRange, valueClipRange, valueCoefficient, gamma, lambda, klCoefficient, whitening);
  }

  /**
   * The same with another KL term.
   *
   * @param klCoefficient β ≥ 0
   * @return the settings
   * @throws IllegalArgumentException if negative or not finite
   */
  public PpoConfig withKlCoefficient(double klCoefficient) {
    return new PpoConfig(
        clipRange, valueClipRange, valueCoefficient, gamma, lambda, klCoefficient, whitening);
  }

  /**
   * The same with other whitening.
   *
   * @param whitening what is done to advantages before they are used
   * @return the settings
   */
  public PpoConfig withWhitening(Whitening whitening) {
    return new PpoConfig(
        clipRange, valueClipRange, valueCoefficient, gamma, lambda, klCoefficient, whitening);
  }
}
