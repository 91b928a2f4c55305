package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import io.github.p3o.Prompt;
import io.github.p3o.RewardModel;
import java.util.function.UnaryOperator;

/**
 * Shows whether a shift of the reward by δ(prompt) changes a whole training run: the run is
 * repeated with shifted rewards, and the parameters that it ends with are compared. Under P3O they
 * must not depend on δ (arXiv 2310.00212); under PPO they do.
 *
 * <p>δ(x) is a magnitude times a number between −1 and 1 that follows from the prompt, rounded to a
 * multiple of 2⁻²⁰, so that {@code r + δ} is exact in float64 for rewards that are multiples of
 * 2⁻²⁰ too and magnitudes up to 10⁶, and an invariant run then ends with the same bits. {@link
 * #rounded} makes such rewards of any.
 */
public final class TranslationCertificate {

  private static final double STEPS = 1024;

  /** Binary digits of δ. */
  private static final int DIGITS = 20;

  /** Below it, prompts that should differ in δ would be rounded to the same. */
  private static final double LEAST_MAGNITUDE = 1 / STEPS;

  private TranslationCertificate() {}

  /** A whole training run, from fresh parameters, with the same seed each time. */
  @FunctionalInterface
  public interface Training {

    /**
     * Trains.
     *
     * @param shift is to be applied to the reward model of the run
     * @return the parameters at the end {@code [parameters]}
     */
    double[] train(UnaryOperator<RewardModel> shift);
  }

  /**
   * How far apart two runs ended.
   *
   * @param magnitude greatest |δ|, before it is rounded
   * @param largestDifference greatest difference of a parameter between the runs
   * @param largestParameter greatest |parameter| of the run without a shift
   * @param differing how many parameters differ in any bit
   * @param parameters how many there are
   */
  public record Comparison(
      double magnitude,
      double largestDifference,
      double largestParameter,
      int differing,
      int parameters) {

    /**
     * Whether the runs ended with the same bits.
     *
     * @return true if no parameter differs
     */
    public boolean identical() {
      return differing == 0;
    }
  }

  /**
   * Trains once without a shift and once with each, and compares.
   *
   * @param training the run
   * @param magnitudes greatest |δ| of each comparison, finite, at least 2⁻¹⁰
   * @return a comparison for each magnitude
   * @throws IllegalArgumentException for a magnitude out of range
   */
  public static ImmutableList<Comparison> run(Training training, double... magnitudes) {
    for (double magnitude : magnitudes) {
      checkArgument(
          magnitude >= LEAST_MAGNITUDE && Double.isFinite(magnitude),
          "magnitudes: expected finite numbers >= %s, got %s",
          LEAST_MAGNITUDE,
          magnitude);
    }
    double[] plain = training.train(UnaryOperator.identity());
    ImmutableList.Builder<Comparison> comparisons = ImmutableList.builder();
    for (double magnitude : magnitudes) {
      double[] shifted = training.train(reward -> shifted(reward, magnitude));
      comparisons.add(compare(magnitude, plain, shifted));
    }
    return comparisons.build();
  }

  private static Comparison compare(double magnitude, double[] plain, double[] shifted) {
    checkArgument(
        plain.length == shifted.length,
        "training: expected %s parameters in every run, got %s",
        plain.length,
        shifted.length);
    double largestDifference = 0;
    double largestParameter = 0;
    int differing = 0;
    for (int i = 0; i < plain.length; i++) {
      largestDifference = Math.max(largestDifference, Math.abs(plain[i] - shifted[i]));
      largestParameter = Math.max(largestParameter, Math.abs(plain[i]));
      differing += Double.doubleToLongBits(plain[i]) == Double.doubleToLongBits(shifted[i]) ? 0 : 1;
    }
    return new Comparison(magnitude, largestDifference, largestParameter, differing, plain.length);
  }

  /**
   * A reward model whose rewards are shifted by δ(prompt).
   *
   * @param rewardModel the rewards without a shift
   * @param magnitude greatest |δ|, which is rounded to a multiple of 2⁻²⁰
   * @return the shifted model
   */
  public static RewardModel shifted(RewardModel rewardModel, double magnitude) {
    return ChangedReward.of(
        rewardModel,
        (reward, prompt, response) -> reward + rounded(magnitude * unit(prompt), DIGITS));
  }

  /** A multiple of 2⁻¹⁰ in [−1, 1] that follows from the prompt. */
  private static double unit(Prompt prompt) {
    Hasher hasher = Hashing.murmur3_128().newHasher();
    prompt.tokens().forEach(hasher::putInt);
    return Math.floorMod(hasher.hash().asLong(), (long) (2 * STEPS) + 1) / STEPS - 1;
  }

  /**
   * A reward model whose rewards are rounded to multiples of a power of two. With 20 binary digits
   * or fewer, a shift of up to 10⁶ is exact in float64.
   *
   * @param rewardModel the rewards before
   * @param binaryDigits n of the unit 2⁻ⁿ, from 0 to 40
   * @return the rounded model
   * @throws IllegalArgumentException for n out of range
   */
  public static RewardModel rounded(RewardModel rewardModel, int binaryDigits) {
    checkArgument(
        binaryDigits >= 0 && binaryDigits <= 40,
        "binaryDigits: expected 0 to 40, got %s",
        binaryDigits);
    return ChangedReward.of(
        rewardModel, (reward, prompt, response) -> rounded(reward, binaryDigits));
  }

  /** To a multiple of 2⁻ⁿ. */
  private static double rounded(double value, int binaryDigits) {
    double scale = Math.scalb(1.0, binaryDigits);
    return Math.rint(value * scale) / scale;
  }
}
