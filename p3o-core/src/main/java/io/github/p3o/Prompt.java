package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;

/**
 * What a policy responds to, as token ids. A tabular policy reads one id, the index of its context;
 * a host's own policy may read an id as a key into its features.
 *
 * @param tokens ids {@code [tokens]}, each ≥ 0, at least one
 */
public record Prompt(ImmutableIntArray tokens) {

  /** Checks the ids. */
  public Prompt {
    checkArgument(!tokens.isEmpty(), "prompt.tokens: expected at least one token, got none");
    TokenIds.check("prompt.tokens", tokens);
  }

  /**
   * A prompt of these ids.
   *
   * @param tokens ids {@code [tokens]}, each ≥ 0, at least one
   * @return the prompt
   * @throws IllegalArgumentException for no id or a negative one
   */
  public static Prompt of(int... tokens) {
    return new Prompt(ImmutableIntArray.copyOf(tokens));
  }

  /**
   * The prompt in a row that a tokenizer padded, on either side.
   *
   * @param ids {@code [columns]}, whatever stands in padding
   * @param attentionMask {@code [columns]}, 1 for a token and 0 for padding
   * @return the prompt
   * @throws IllegalArgumentException for another length or value of the mask, padding between
   *     tokens, no token, or a negative id
   */
  public static Prompt ofPadded(int[] ids, int[] attentionMask) {
    return new Prompt(TokenIds.unpadded(ids, attentionMask));
  }
}
