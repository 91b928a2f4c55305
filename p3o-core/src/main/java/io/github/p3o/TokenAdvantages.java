package io.github.p3o;

import com.google.common.primitives.ImmutableDoubleArray;

/**
 * How much better each token of one response turned out than was expected, in the unit of the
 * reward, or in standard deviations where they are whitened. A type of its own, so that
 * log-probabilities, values and advantages cannot change places.
 *
 * @param values advantages {@code [tokens]}, all finite, at least one
 */
public record TokenAdvantages(ImmutableDoubleArray values) {

  /** Checks that there are values, and that they are finite. */
  public TokenAdvantages {
    Tokens.check("tokenAdvantages", values);
  }

  /**
   * From the values themselves.
   *
   * @param values {@code [tokens]}
   * @return the values of one response
   * @throws IllegalArgumentException for none, or for one that is not finite
   */
  public static TokenAdvantages of(double... values) {
    return new TokenAdvantages(ImmutableDoubleArray.copyOf(values));
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
