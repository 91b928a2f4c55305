package io.github.p3o.text;

import java.io.Serial;

/** A line breaks a rule, which the message says without a word of the line. */
final class MalformedLineException extends Exception {

  @Serial private static final long serialVersionUID = 1L;

  MalformedLineException(String problem) {
    super(problem);
  }
}
