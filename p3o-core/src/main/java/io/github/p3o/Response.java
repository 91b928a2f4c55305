package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;

/**
 * What a policy answered, as token ids. Its length travels with it, so that no mask is ever guessed
 * from an id. The end-of-sequence token is a response token exactly when it was sampled.
 *
 * @param tokens ids {@code [tokens]}, each ≥ 0, at least one
 * @param ended whether the policy ended the response itself; false if it was cut at the length
 *     limit
 */
public record Response(ImmutableIntArray tokens, boolean ended) {

  /** Checks the ids. */
  public Response {
    checkArgument(!tokens.isEmpty(), "response.tokens: expected at least one token, got none");
    TokenIds.check("response.tokens", tokens);
  }

  /**
   * A response that the policy ended itself.
   *
   * @param tokens ids {@code [tokens]}, each ≥ 0, at least one
   * @return the response
   * @throws IllegalArgumentException for no id or a negative one
   */
  public static Response of(int... tokens) {
    return new Response(ImmutableIntArray.copyOf(tokens), true);
  }

  /**
   * The response in a row that was padded, on either side. An end token counts if the mask has it.
   *
   * @param ids {@code [columns]}, whatever stands in padding
   * @param attentionMask {@code [columns]}, 1 for a token and 0 for padding
   * @param ended whether the policy ended the response itself
   * @return the response
   * @throws IllegalArgumentException for another length or value of the mask, padding between
   *     tokens, no token, or a negative id
   */
  public static Response ofPadded(int[] ids, int[] attentionMask, boolean ended) {
    return new Response(TokenIds.unpadded(ids, attentionMask), ended);
  }

  /**
   * The number of response tokens.
   *
   * @return tokens, at least 1
   */
  public int length() {
    return tokens.length();
  }
}
