package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.Ints;
import java.util.List;

/**
 * The size of one batch of sequences as a graph sees it. Shorter sequences are padded; what a
 * padded position holds changes no log-probability and no gradient.
 *
 * @param sequences rows
 * @param tokens columns: at least the longest prompt and response together
 * @param responseTokens at least the longest response
 */
public record BatchShape(int sequences, int tokens, int responseTokens) {

  /** Short lengths are rounded up to a multiple of this. */
  private static final int LENGTH_STEP = 8;

  /** Checks that every size is positive. */
  public BatchShape {
    checkArgument(sequences >= 1, "sequences: expected at least 1, got %s", sequences);
    checkArgument(
        responseTokens >= 1, "responseTokens: expected at least 1, got %s", responseTokens);
    checkArgument(
        tokens > responseTokens,
        "tokens: expected more than responseTokens %s, got %s",
        responseTokens,
        tokens);
  }

  /**
   * The shape that holds these responses, lengths rounded up by at most an eighth (or to a multiple
   * of 8) but not past a limit, so that few graphs serve many batches.
   *
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @param maxTokens the longest sequence that the policy can read
   * @return the shape
   * @throws IllegalArgumentException if a prompt and its response exceed the limit together
   */
  public static BatchShape of(List<Prompt> prompts, List<Response> responses, int maxTokens) {
    checkArgument(
        prompts.size() == responses.size(),
        "prompts: expected %s, one for each response, got %s",
        responses.size(),
        prompts.size());
    int tokens = 0;
    int responseTokens = 0;
    for (int i = 0; i < prompts.size(); i++) {
      int length = prompts.get(i).tokens().length() + responses.get(i).length();
      checkArgument(
          length <= maxTokens,
          "tokens: prompt and response of sequence %s have %s, the policy reads at most %s",
          i,
          length,
          maxTokens);
      tokens = Math.max(tokens, length);
      responseTokens = Math.max(responseTokens, responses.get(i).length());
    }
    int rounded = Math.min(roundUp(tokens), maxTokens);
    return new BatchShape(
        prompts.size(),
        rounded,
        Ints.constrainToRange(roundUp(responseTokens), responseTokens, rounded - 1));
  }

  private static int roundUp(int length) {
    int step = Math.max(LENGTH_STEP, Integer.highestOneBit(length - 1) / 8);
    return (length + step - 1) / step * step;
  }
}
