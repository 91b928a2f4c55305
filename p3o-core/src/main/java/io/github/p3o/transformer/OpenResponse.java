package io.github.p3o.transformer;

import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.Arrays;

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
   * Chooses one more token.
   *
   * @param logits of several sequences
   * @param offset of the first of this one
   * @param distribution of the next token, its weights are overwritten
   * @throws IllegalStateException if a logit is not a number, as after a training that diverged
   */
  void extend(double[] logits, int offset, TokenDistribution distribution) {
    double sum = distribution.set(logits, offset, prompt.tokens(), tokens);
    double[] weights = distribution.weights();
    int token = choice.choose(weights, sum);
    tokens = Arrays.copyOf(tokens, tokens.length + 1);
    tokens[tokens.length - 1] = token;
    logProb += distribution.logWeight(token) - Math.log(sum);
    ended =
        distribution.ends(token)
            || distribution.config().stopRules().stream().anyMatch(rule -> rule.stops(tokens));
  }
}
