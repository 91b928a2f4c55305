package io.github.p3o.eval;

import org.jspecify.annotations.Nullable;

/**
 * A judge could not be asked. Verdicts that it gave before are not lost where it keeps them, as
 * {@link ChatJudge} does.
 */
public final class JudgeException extends RuntimeException {

  private static final long serialVersionUID = 1;

  JudgeException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
