package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Locale;

/**
 * Counts the lengths of token sequences and how many were cut, so that no truncation goes unseen.
 * For one thread.
 */
public final class TokenStatistics {

  private final int limit;
  private long sequences;
  private long tokens;
  private int longest;
  private long truncated;

  /**
   * Nothing counted yet.
   *
   * @param limit longer sequences are cut to this, in tokens, at least 1
   * @throws IllegalArgumentException for less
   */
  public TokenStatistics(int limit) {
    checkArgument(limit >= 1, "limit: expected at least 1, got %s", limit);
    this.limit = limit;
  }

  /**
   * Counts a sequence.
   *
   * @param length before it is cut, in tokens, ≥ 0
   * @return the length after, at most the limit
   */
  public int add(int length) {
    sequences++;
    tokens += length;
    longest = Math.max(longest, length);
    truncated += length > limit ? 1 : 0;
    return Math.min(length, limit);
  }

  /**
   * How many were counted.
   *
   * @return sequences
   */
  public long sequences() {
    return sequences;
  }

  /**
   * Their tokens before any was cut.
   *
   * @return tokens
   */
  public long tokens() {
    return tokens;
  }

  /**
   * The greatest length before it was cut.
   *
   * @return tokens, 0 if nothing was counted
   */
  public int longest() {
    return longest;
  }

  /**
   * How many were longer than the limit.
   *
   * @return sequences
   */
  public long truncated() {
    return truncated;
  }

  /** In words, such as {@code 3 sequences, 40 tokens, mean 13.3, longest 20, 1 cut to 16}. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%d sequences, %d tokens, mean %.1f, longest %d, %d cut to %d",
        sequences,
        tokens,
        sequences == 0 ? 0.0 : (double) tokens / sequences,
        longest,
        truncated,
        limit);
  }
}
