package io.github.p3o.examples.run;

import java.io.Serial;

/** What the user gave cannot be used; the message says which, the rule and the value. */
public final class UsageException extends RuntimeException {

  @Serial private static final long serialVersionUID = 1L;

  public UsageException(String message) {
    super(message);
  }
}
