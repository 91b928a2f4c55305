package io.github.p3o.transformer;

import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.OptionalInt;

/** A response while it is being generated. */
final class OpenResponse {

  private final Prompt prompt;
  private final NextToken choice;
  private final ImmutableIntArray.Builder tokens = ImmutableIntArray.builder();
  private int lastToken;
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
    return lastToken;
  }

  /** Whether the end token was chosen. */
  boolean ended() {
    return ended;
  }

  /** log π of what was chosen so far, nats. */
  double logProb() {
    return logProb;
  }

  /** The response so far. */
  Response close() {
    return new Response(tokens.build(), ended);
  }

  /**
   * Chooses one more token from {@code softmax(logits / temperature)}.
   *
   * @param logits of several sequences
   * @param offset of the first of this one
   * @param weights {@code [vocabulary]}, overwritten
   * @throws IllegalStateException if a logit is not a number, as after a training that diverged
   */
  void extend(
      double[] logits, int offset, double temperature, OptionalInt endToken, double[] weights) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < weights.length; i++) {
      max = Math.max(max, logits[offset + i]);
    }
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.exp((logits[offset + i] - max) / temperature);
      sum += weights[i];
    }
    if (!(sum < Double.POSITIVE_INFINITY)) {
      throw new IllegalStateException(
          "logits: expected finite ones, got a greatest of " + max + " and a sum of " + sum);
    }
    lastToken = choice.choose(weights, sum);
    tokens.add(lastToken);
    logProb += (logits[offset + lastToken] - max) / temperature - Math.log(sum);
    ended = endToken.isPresent() && endToken.getAsInt() == lastToken;
  }
}
