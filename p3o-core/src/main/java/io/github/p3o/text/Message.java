package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkNotNull;

/**
 * One turn of a conversation.
 *
 * @param role who speaks, such as {@code system}, {@code user} or {@code assistant}
 * @param content what is said
 */
public record Message(String role, String content) {

  /** The role that answers. */
  static final String ASSISTANT = "assistant";

  /** Checks that nothing is null; texts may be empty. */
  public Message {
    checkNotNull(role, "role: expected a text, got null");
    checkNotNull(content, "content: expected a text, got null");
  }
}
