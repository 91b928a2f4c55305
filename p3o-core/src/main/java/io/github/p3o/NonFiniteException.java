package io.github.p3o;

/** A number that must be finite is not. Nothing was changed. */
public final class NonFiniteException extends ArithmeticException {

  private static final long serialVersionUID = 1L;

  /**
   * Says what is not finite.
   *
   * @param message names the value and, where it is known, the pair
   */
  public NonFiniteException(String message) {
    super(message);
  }
}
