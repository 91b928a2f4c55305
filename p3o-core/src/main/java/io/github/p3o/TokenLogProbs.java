package io.github.p3o;

import com.google.common.primitives.ImmutableDoubleArray;

/**
 * Log-probabilities of the tokens of one response, in nats. A type of its own, so that
 * log-probabilities, values and advantages cannot change places.
 *
 * @param values log-probabilities {@code [tokens]}, all finite, at least one
 */
public record TokenLogProbs(ImmutableDoubleArray values) {

  /** Checks that there are values, and that they are finite. */
  public TokenLogProbs {
    Tokens.check("tokenLogProbs", values);
  }

  /**
   * From the values themselves.
   *
   * @param values {@code [tokens]}
   * @return the values of one response
   * @throws IllegalArgumentException for none, or for one that is not finite
   */
  public static TokenLogProbs of(double... values) {
    return new TokenLogProbs(ImmutableDoubleArray.copyOf(values));
  }

  /**
   * The length of the response.
   *
   * @return tokens, at least 1
   */
  public int length() {
    return values.length();
  }

  /**
   * One value.
   *
   * @param token from 0
   * @return the value at this token
   */
  public double get(int token) {
    return values.get(token);
  }
}
