package io.github.p3o.examples.study;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.TrainerConfig;
import io.github.p3o.examples.align.Constants;
import io.github.p3o.examples.align.Learner;
import io.github.p3o.examples.align.Objective;
import java.util.EnumMap;
import java.util.Map;

/**
 * How a run of the study aligns.
 *
 * @param objective of which method
 * @param learningRate of AdamW, constant
 * @param klCoefficient β, in reward per nat; of online DPO its own β
 * @param constants those of the objective that are not the usual ones
 * @param responses k to each prompt; the number of samples stays the same
 * @param stress what is done to the reward that it is trained on
 */
record Setting(
    Objective objective,
    double learningRate,
    double klCoefficient,
    ImmutableMap<Constant, Double> constants,
    int responses,
    Stress stress) {

  private static final int EPOCHS = 4;

  /** A constant of some objectives. */
  enum Constant {
    /** ε. */
    CLIP,
    /** The weight of PPO's value loss. */
    VALUE,
    /** λ of PPO's advantages. */
    LAMBDA
  }

  /** With the usual constants, on pairs, on the reward as it is. */
  Setting(Objective objective, double learningRate, double klCoefficient) {
    this(objective, learningRate, klCoefficient, ImmutableMap.of(), 2, Stress.NONE);
  }

  Setting with(Objective other) {
    return new Setting(other, learningRate, klCoefficient, constants, responses, stress);
  }

  Setting withLearningRate(double rate) {
    return new Setting(objective, rate, klCoefficient, constants, responses, stress);
  }

  Setting withKlCoefficient(double beta) {
    return new Setting(objective, learningRate, beta, constants, responses, stress);
  }

  Setting with(Constant constant, double value) {
    Map<Constant, Double> changed = new EnumMap<>(Constant.class);
    changed.putAll(constants);
    changed.put(constant, value);
    return new Setting(
        objective, learningRate, klCoefficient, Maps.immutableEnumMap(changed), responses, stress);
  }

  Setting withResponses(int k) {
    return new Setting(objective, learningRate, klCoefficient, constants, k, stress);
  }

  Setting withStress(Stress other) {
    return new Setting(objective, learningRate, klCoefficient, constants, responses, other);
  }

  /** The objective. */
  Learner learner() {
    return objective.learner(
        new Constants(
            null,
            klCoefficient,
            constants.get(Constant.CLIP),
            null,
            constants.get(Constant.VALUE),
            constants.get(Constant.LAMBDA)));
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
    constants.forEach(
        (constant, value) -> values.put(Ascii.toLowerCase(constant.name()), String.valueOf(value)));
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
