package io.github.p3o.internal;

/** There is no memory left for arrays; the heap has room, and the process can go on. */
public final class NativeMemoryError extends OutOfMemoryError {

  private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param cause what ND4J said
   */
  public NativeMemoryError(String message, Throwable cause) {
    super(message);
    initCause(cause);
  }
}
