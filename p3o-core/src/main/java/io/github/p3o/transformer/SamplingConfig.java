package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;

/**
 * How responses are drawn, beside the policy's temperature. What this record calls truncation
 * changes the distribution to one that no training graph here computes: {@link
 * TransformerPolicy#generate} draws from it and records its log-probability, {@link
 * TransformerPolicy#sampler} refuses it by name.
 *
 * <p>Logits pass, in this order: repetition penalty, the ban of the end token, temperature, top-k,
 * top-p, min-p. What is left is normalised again.
 *
 * <pre>{@code
 * SamplingConfig.of(100).withTopK(40).withTopP(0.9)
 * }</pre>
 *
 * @param minNewTokens the end token is not drawn before so many other tokens, at least 0
 * @param maxNewTokens the longest response, in tokens, at least 1
 * @param topK only so many of the likeliest tokens are drawn; 0 for all. Equals of the last one are
 *     kept too
 * @param topP only the likeliest tokens are drawn that together reach this probability, the one
 *     that reaches it included, in (0, 1]; 1 for all. Equals of that one are kept too
 * @param minP only tokens are drawn that are at least so likely as this times the likeliest, in [0,
 *     1]; 0 for all
 * @param repetitionPenalty logits of tokens that occur in prompt or response are divided by this if
 *     positive, multiplied if negative, &gt; 0; 1 for none
 * @param stopRules each may end a response; it then counts as ended. They change no
 *     log-probability, so they are no truncation
 */
public record SamplingConfig(
    int minNewTokens,
    int maxNewTokens,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    ImmutableList<StopRule> stopRules) {

  /** Checks each. */
  public SamplingConfig {
    checkArgument(maxNewTokens >= 1, "maxNewTokens: expected at least 1, got %s", maxNewTokens);
    checkArgument(
        minNewTokens >= 0 && minNewTokens <= maxNewTokens,
        "minNewTokens: expected 0 to maxNewTokens = %s, got %s",
        maxNewTokens,
        minNewTokens);
    checkArgument(topK >= 0, "topK: expected at least 0, got %s", topK);
    checkArgument(topP > 0 && topP <= 1, "topP: expected a value in (0, 1], got %s", topP);
    checkArgument(minP >= 0 && minP <= 1, "minP: expected a value in [0, 1], got %s", minP);
    checkArgument(
        repetitionPenalty > 0 && repetitionPenalty < Double.POSITIVE_INFINITY,
        "repetitionPenalty: expected > 0 and finite, got %s",
        repetitionPenalty);
  }

  /**
   * The policy's whole distribution, responses of bounded length.
   *
   * @param maxNewTokens the longest response, in tokens, at least 1
   * @return without truncation or stop rules
   */
  public static SamplingConfig of(int maxNewTokens) {
    return new SamplingConfig(0, maxNewTokens, 0, 1, 0, 1, ImmutableList.of());
  }

  /**
   * With another least length.
   *
   * @param minNewTokens the end token is not drawn before so many other tokens, from 0 to {@code
   *     maxNewTokens}
   * @return the copy
   */
  public SamplingConfig withMinNewTokens(int minNewTokens) {
    return new SamplingConfig(
        minNewTokens, maxNewTokens, topK, topP, minP, repetitionPenalty, stopRules);
  }

  /**
   * With the likeliest tokens alone.
   *
   * @param topK how many, at least 0; 0 for all
   * @return the copy
   */
  public SamplingConfig withTopK(int topK) {
    return new SamplingConfig(
        minNewTokens, maxNewTokens, topK, topP, minP, repetitionPenalty, stopRules);
  }

  /**
   * With the likeliest tokens alone that together reach a probability.
   *
   * @param topP the probability, in (0, 1]; 1 for all
   * @return the copy
   */
  public SamplingConfig withTopP(double topP) {
    return new SamplingConfig(
        minNewTokens, maxNewTokens, topK, topP, minP, repetitionPenalty, stopRules);
  }

  /**
   * Without tokens that are far less likely than the likeliest.
   *
   * @param minP the least share of its probability, in [0, 1]; 0 for all
   * @return the copy
   */
  public SamplingConfig withMinP(double minP) {
    return new SamplingConfig(
        minNewTokens, maxNewTokens, topK, topP, minP, repetitionPenalty, stopRules);
  }

  /**
   * With another weight against tokens that have occurred.
   *
   * @param repetitionPenalty &gt; 0; above 1 they become less likely, 1 for none
   * @return the copy
   */
  public SamplingConfig withRepetitionPenalty(double repetitionPenalty) {
    return new SamplingConfig(
        minNewTokens, maxNewTokens, topK, topP, minP, repetitionPenalty, stopRules);
  }

  /**
   * With a rule that ends responses.
   *
   * @param rule in addition to those that are there
   * @return the copy
   */
  public SamplingConfig withStopRule(StopRule rule) {
    return new SamplingConfig(
        minNewTokens,
        maxNewTokens,
        topK,
        topP,
        minP,
        repetitionPenalty,
        ImmutableList.<StopRule>builder().addAll(stopRules).add(rule).build());
  }

  /** Whether every token is drawn with the probability that the policy gives it. */
  boolean isWhole() {
    return minNewTokens == 0 && topK == 0 && topP == 1 && minP == 0 && repetitionPenalty == 1;
  }

  /** Refuses, by name, what changes the distribution. */
  void checkWhole() {
    checkNeutral("minNewTokens", minNewTokens, 0);
    checkNeutral("topK", topK, 0);
    checkNeutral("topP", topP, 1);
    checkNeutral("minP", minP, 0);
    checkNeutral("repetitionPenalty", repetitionPenalty, 1);
  }

  private static void checkNeutral(String name, double value, int neutral) {
    checkArgument(
        value == neutral,
        "%s: expected %s, as responses to train on are drawn from the distribution that is scored,"
            + " got %s",
        name,
        neutral,
        value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value));
  }
}
