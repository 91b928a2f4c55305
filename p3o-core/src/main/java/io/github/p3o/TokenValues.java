package io.github.p3o;

import com.google.common.primitives.ImmutableDoubleArray;

/**
 * Sums of rewards from each token of one response to its end, estimated or as they came, in the
 * unit of the reward. A type of its own, so that log-probabilities, values and advantages cannot
 * change places.
 *
 * @param values sums {@code [tokens]}, all finite, at least one
 */
public record TokenValues(ImmutableDoubleArray values) {

  /** Checks that there are values, and that they are finite. */
  public TokenValues {
    Tokens.check("tokenValues", values);
  }

  /**
   * From the values themselves.
   *
   * @param values {@code [tokens]}
   * @return the values of one response
   * @throws IllegalArgumentException for none, or for one that is not finite
   */
  public static TokenValues of(double... values) {
    return new TokenValues(ImmutableDoubleArray.copyOf(values));
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
