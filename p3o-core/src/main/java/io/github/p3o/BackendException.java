package io.github.p3o;

/** No backend of ND4J can compute here. The message names the cause and what mends it. */
public final class BackendException extends RuntimeException {

  private static final long serialVersionUID = 1;

  BackendException(String message, Throwable cause) {
    super(message, cause);
  }

  BackendException(String message) {
    super(message);
  }
}
