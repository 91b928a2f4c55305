package io.github.p3o.examples.study;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;

/**
 * How much work a task of the study is, and what is tried on it.
 *
 * @param samplesPerStep responses that each method draws in a step
 * @param steps turns of sampling and updating
 * @param evaluateEvery steps between judgements
 * @param maxNewTokens the longest response
 * @param validationPrompts to choose settings on
 * @param testPrompts to judge the chosen settings on
 * @param klCap nats: settings are judged up to this KL
 * @param searchSeeds runs of each setting that is tried
 * @param learningRates that are tried
 * @param klCoefficients that are tried with each
 * @param dpoCoefficients the same of online DPO, whose β is of another kind
 * @param gaeLambdas of PPO beside the usual one, tried with each learning rate and coefficient
 * @param valueCoefficients of PPO beside the usual one, tried with the best of those
 */
record TaskSize(
    int samplesPerStep,
    int steps,
    int evaluateEvery,
    int maxNewTokens,
    int validationPrompts,
    int testPrompts,
    double klCap,
    int searchSeeds,
    ImmutableList<Double> learningRates,
    ImmutableList<Double> klCoefficients,
    ImmutableList<Double> dpoCoefficients,
    ImmutableList<Double> gaeLambdas,
    ImmutableList<Double> valueCoefficients) {

  /** What every run of the task has in common. */
  ImmutableMap<String, String> values() {
    return ImmutableMap.<String, String>builder()
        .put("samples per step", String.valueOf(samplesPerStep))
        .put("steps", String.valueOf(steps))
        .put("evaluated every", String.valueOf(evaluateEvery))
        .put("new tokens", String.valueOf(maxNewTokens))
        .put("validation prompts", String.valueOf(validationPrompts))
        .put("test prompts", String.valueOf(testPrompts))
        .buildOrThrow();
  }
}
