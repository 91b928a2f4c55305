package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkNotNull;

/**
 * A prompt and what follows it directly: {@code prompt + completion} is a whole text.
 *
 * @param prompt what was asked; empty for a text by itself
 * @param completion what to imitate
 */
public record Completion(String prompt, String completion) {

  /** Checks that nothing is null; texts may be empty. */
  public Completion {
    checkNotNull(prompt, "prompt: expected a text, got null");
    checkNotNull(completion, "completion: expected a text, got null");
  }
}
