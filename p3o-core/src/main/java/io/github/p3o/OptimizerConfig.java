package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.internal.Given;

/**
 * AdamW (Loshchilov &amp; Hutter, arXiv 1711.05101) with clipping of the global gradient norm and a
 * learning-rate schedule.
 *
 * @param learningRate peak learning rate, &gt; 0
 * @param beta1 decay of the first moment, in [0, 1)
 * @param beta2 decay of the second moment, in [0, 1)
 * @param epsilon added to √v̂, &gt; 0
 * @param weightDecay decoupled: parameters shrink by learning rate × this each update, ≥ 0
 * @param maxGradientNorm gradients of a greater norm are scaled down to it, &gt; 0, may be infinite
 * @param warmupUpdates updates over which the learning rate rises in equal steps, from a share of
 *     1/warmupUpdates at the first to its peak at the last, ≥ 0
 * @param schedule what follows the warm-up
 * @param totalUpdates updates after which a decaying schedule reaches 0; unused by CONSTANT
 */
public record OptimizerConfig(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    double maxGradientNorm,
    int warmupUpdates,
    Schedule schedule,
    int totalUpdates) {

  /** How the learning rate goes on after the warm-up. */
  public enum Schedule {
    /** Stays at its peak. */
    CONSTANT,
    /** Falls on a line to 0. */
    LINEAR,
    /** Falls on half a cosine to 0. */
    COSINE
  }

  /** Checks every value. */
  public OptimizerConfig {
    Given.notNull("schedule", "one", schedule);
    checkArgument(
        learningRate > 0 && Double.isFinite(learningRate),
        "learningRate: expected a finite number > 0, got %s",
        learningRate);
    checkArgument(beta1 >= 0 && beta1 < 1, "beta1: expected a number in [0, 1), got %s", beta1);
    checkArgument(beta2 >= 0 && beta2 < 1, "beta2: expected a number in [0, 1), got %s", beta2);
    checkArgument(
        epsilon > 0 && Double.isFinite(epsilon),
        "epsilon: expected a finite number > 0, got %s",
        epsilon);
    checkArgument(
        weightDecay >= 0 && Double.isFinite(weightDecay),
        "weightDecay: expected a finite number >= 0, got %s",
        weightDecay);
    checkArgument(
        maxGradientNorm > 0, "maxGradientNorm: expected a number > 0, got %s", maxGradientNorm);
    checkArgument(
        warmupUpdates >= 0, "warmupUpdates: expected a number >= 0, got %s", warmupUpdates);
    checkArgument(
        schedule == Schedule.CONSTANT || totalUpdates > warmupUpdates,
        "totalUpdates: expected more than warmupUpdates %s for schedule %s, got %s",
        warmupUpdates,
        schedule,
        totalUpdates);
  }

  /**
   * The betas, epsilon and weight decay of the paper's first author (0.9, 0.95, 1e-8, 1e-6), norms
   * clipped to 1, a constant learning rate.
   *
   * @param learningRate &gt; 0
   * @return the configuration
   */
  public static OptimizerConfig adamW(double learningRate) {
    return new OptimizerConfig(learningRate, 0.9, 0.95, 1e-8, 1e-6, 1, 0, Schedule.CONSTANT, 0);
  }

  /**
   * The same, with a warm-up and a cosine to 0.
   *
   * @param warmupUpdates updates over which the learning rate rises, ≥ 0
   * @param totalUpdates updates after which it is 0, more than the warm-up
   * @return the configuration
   */
  public OptimizerConfig withCosine(int warmupUpdates, int totalUpdates) {
    return withSchedule(warmupUpdates, Schedule.COSINE, totalUpdates);
  }

  /**
   * The same with another course of the learning rate.
   *
   * @param warmupUpdates updates over which it rises, ≥ 0
   * @param schedule what follows
   * @param totalUpdates updates after which a decaying schedule reaches 0, more than the warm-up;
   *     unused by CONSTANT
   * @return the configuration
   */
  public OptimizerConfig withSchedule(int warmupUpdates, Schedule schedule, int totalUpdates) {
    return new OptimizerConfig(
        learningRate,
        beta1,
        beta2,
        epsilon,
        weightDecay,
        maxGradientNorm,
        warmupUpdates,
        schedule,
        totalUpdates);
  }

  /**
   * The same with another learning rate.
   *
   * @param learningRate at its peak, &gt; 0
   * @return the configuration
   */
  public OptimizerConfig withLearningRate(double learningRate) {
    return new OptimizerConfig(
        learningRate,
        beta1,
        beta2,
        epsilon,
        weightDecay,
        maxGradientNorm,
        warmupUpdates,
        schedule,
        totalUpdates);
  }

  /**
   * The same with another decay of the weights.
   *
   * @param weightDecay ≥ 0
   * @return the configuration
   */
  public OptimizerConfig withWeightDecay(double weightDecay) {
    return new OptimizerConfig(
        learningRate,
        beta1,
        beta2,
        epsilon,
        weightDecay,
        maxGradientNorm,
        warmupUpdates,
        schedule,
        totalUpdates);
  }

  /**
   * The same with another bound of the gradient's norm.
   *
   * @param maxGradientNorm &gt; 0; infinite to clip nothing
   * @return the configuration
   */
  public OptimizerConfig withMaxGradientNorm(double maxGradientNorm) {
    return new OptimizerConfig(
        learningRate,
        beta1,
        beta2,
        epsilon,
        weightDecay,
        maxGradientNorm,
        warmupUpdates,
        schedule,
        totalUpdates);
  }

  /**
   * The learning rate of an update.
   *
   * @param update from 0
   * @return the learning rate, ≥ 0
   * @throws IllegalArgumentException if negative
   */
  public double learningRateAt(long update) {
    checkArgument(update >= 0, "update: expected at least 0, got %s", update);
    if (update < warmupUpdates) {
      return learningRate * (update + 1) / warmupUpdates;
    }
    double progress =
        schedule == Schedule.CONSTANT
            ? 0
            : Math.min(1, (double) (update - warmupUpdates) / (totalUpdates - warmupUpdates));
    return switch (schedule) {
      case CONSTANT -> learningRate;
      case LINEAR -> learningRate * (1 - progress);
      case COSINE -> learningRate * (1 + Math.cos(Math.PI * progress)) / 2;
    };
  }
}
