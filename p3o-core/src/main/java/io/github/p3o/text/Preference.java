package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkNotNull;

/**
 * Two responses to one prompt, and which of them was preferred. Each response follows the prompt
 * directly: {@code prompt + chosen} is a whole text.
 *
 * @param prompt what was answered
 * @param chosen the preferred response
 * @param rejected the other response
 */
public record Preference(String prompt, String chosen, String rejected) {

  /** Checks that nothing is null; texts may be empty. */
  public Preference {
    checkNotNull(prompt, "prompt: expected a text, got null");
    checkNotNull(chosen, "chosen: expected a text, got null");
    checkNotNull(rejected, "rejected: expected a text, got null");
  }
}
