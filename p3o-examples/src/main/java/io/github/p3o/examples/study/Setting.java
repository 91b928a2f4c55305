package io.github.p3o.examples.study;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.TrainerConfig;
import io.github.p3o.examples.align.Constants;
import io.github.p3o.examples.align.Learner;
import io.github.p3o.examples.align.Objective;
import org.jspecify.annotations.Nullable;

/**
 * How a run of the study aligns.
 *
 * @param objective of which method
 * @param learningRate of AdamW, constant
 * @param klCoefficient β, in reward per nat; of online DPO its own β
 * @param clipRange ε; null for the objective's usual one, or none
 * @param valueCoefficient of PPO's value loss; null for the usual one, or none
 * @param gaeLambda λ of PPO's advantages; null for the usual one, or none
 * @param responses k to each prompt; the number of samples stays the same
 * @param stress what is done to the reward that it is trained on
 */
record Setting(
    Objective objective,
    double learningRate,
    double klCoefficient,
    @Nullable Double clipRange,
    @Nullable Double valueCoefficient,
    @Nullable Double gaeLambda,
    int responses,
    Stress stress) {

  private static final int EPOCHS = 4;

  /** With the usual constants, on pairs, on the reward as it is. */
  Setting(Objective objective, double learningRate, double klCoefficient) {
    this(objective, learningRate, klCoefficient, null, null, null, 2, Stress.NONE);
  }

  Setting with(Objective other) {
    return new Setting(
        other,
        learningRate,
        klCoefficient,
        clipRange,
        valueCoefficient,
        gaeLambda,
        responses,
        stress);
  }

  Setting withLearningRate(double rate) {
    return new Setting(
        objective, rate, klCoefficient, clipRange, valueCoefficient, gaeLambda, responses, stress);
  }

  Setting withKlCoefficient(double beta) {
    return new Setting(
        objective, learningRate, beta, clipRange, valueCoefficient, gaeLambda, responses, stress);
  }

  Setting withClipRange(double clip) {
    return new Setting(
        objective,
        learningRate,
        klCoefficient,
        clip,
        valueCoefficient,
        gaeLambda,
        responses,
        stress);
  }

  Setting withValueCoefficient(double coefficient) {
    return new Setting(
        objective,
        learningRate,
        klCoefficient,
        clipRange,
        coefficient,
        gaeLambda,
        responses,
        stress);
  }

  Setting withGaeLambda(double lambda) {
    return new Setting(
        objective,
        learningRate,
        klCoefficient,
        clipRange,
        valueCoefficient,
        lambda,
        responses,
        stress);
  }

  Setting withResponses(int k) {
    return new Setting(
        objective, learningRate, klCoefficient, clipRange, valueCoefficient, gaeLambda, k, stress);
  }

  Setting withStress(Stress other) {
    return new Setting(
        objective,
        learningRate,
        klCoefficient,
        clipRange,
        valueCoefficient,
        gaeLambda,
        responses,
        other);
  }

  /** The objective. */
  Learner learner() {
    return objective.learner(
        new Constants(null, klCoefficient, clipRange, null, valueCoefficient, gaeLambda));
  }

  /** The trainer's settings for a number of samples a step. */
  TrainerConfig trainer(int samplesPerStep, long seed) {
    return TrainerConfig.builder()
        .seed(seed)
        .promptsPerStep(samplesPerStep / responses)
        .responsesPerPrompt(responses)
        .epochsPerStep(EPOCHS)
        .optimizer(OptimizerConfig.adamW(learningRate))
        .build();
  }

  /** What differs between settings, by name, in a fixed order; what is usual is left out. */
  ImmutableMap<String, String> values() {
    ImmutableMap.Builder<String, String> values = ImmutableMap.builder();
    values.put("lr", String.valueOf(learningRate));
    values.put("beta", String.valueOf(klCoefficient));
    if (clipRange != null) {
      values.put("clip", String.valueOf(clipRange));
    }
    if (valueCoefficient != null) {
      values.put("value", String.valueOf(valueCoefficient));
    }
    if (gaeLambda != null) {
      values.put("lambda", String.valueOf(gaeLambda));
    }
    if (responses != 2) {
      values.put("k", String.valueOf(responses));
    }
    if (stress != Stress.NONE) {
      values.put("stress", stress.toString());
    }
    return values.buildOrThrow();
  }

  /** A name for a directory, such as {@code p3o-v2-lr-3.0E-4-beta-0.05}. */
  String id() {
    StringBuilder id = new StringBuilder(objective.toString());
    values().forEach((name, value) -> id.append('-').append(name).append('-').append(value));
    return id.toString();
  }
}
