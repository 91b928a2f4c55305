package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.transformer.Decoding.Logits;
import java.util.Arrays;
import java.util.List;

/** A response while it is being generated. */
final class OpenResponse {

  private final Prompt prompt;
  private final NextToken choice;
  private int[] tokens = new int[0];
  private double logProb;
  private boolean ended;

  OpenResponse(Prompt prompt, NextToken choice) {
    this.prompt = prompt;
    this.choice = choice;
  }

  Prompt prompt() {
    return prompt;
  }

  int lastToken() {
    return tokens[tokens.length - 1];
  }

  /** Where that token stands in the sequence, from 0. */
  int lastPosition() {
    return prompt.tokens().length() + tokens.length - 1;
  }

  /** Whether an end token was chosen, or a rule ended it. */
  boolean ended() {
    return ended;
  }

  /** log π of what was chosen so far, nats, under the distribution that it was drawn from. */
  double logProb() {
    return logProb;
  }

  /** The response so far. */
  Response close() {
    return new Response(ImmutableIntArray.copyOf(tokens), ended);
  }

  /**
   * Chooses one more token. Several responses may do so at a time, each with a distribution of its
   * own.
   *
   * @param logits of several sequences
   * @param sequence index of this one
   * @param distribution of the next token, its weights are overwritten
   */
  void extend(Logits logits, int sequence, TokenDistribution distribution) {
    double sum = distribution.set(logits, sequence, prompt.tokens(), tokens);
    int token = choice.choose(distribution.weights(), sum);
    tokens = Arrays.copyOf(tokens, tokens.length + 1);
    tokens[tokens.length - 1] = token;
    logProb += distribution.logWeight(token) - Math.log(sum);
    ended = distribution.ends(token);
  }

  /**
   * Ends the response where a rule says so; rules are a host's, and not asked by several threads.
   *
   * @throws IllegalStateException if a logit was not a number, as after a training that diverged
   */
  void settle(List<StopRule> rules) {
    checkState(
        Double.isFinite(logProb),
        "logits: expected finite ones, got a log-probability of %s",
        logProb);
    ended = ended || rules.stream().anyMatch(rule -> rule.stops(tokens));
  }
}
