package io.github.p3o.text;

import com.google.common.collect.ImmutableMap;
import com.google.errorprone.annotations.Immutable;
import java.util.List;

/**
 * The same around every message of a role.
 *
 * @param turns by role
 */
@Immutable
record TurnsTemplate(ImmutableMap<String, Turn> turns) implements ChatTemplate {

  /** Checks that there is an assistant. */
  TurnsTemplate {
    if (!turns.containsKey(Message.ASSISTANT)) {
      throw new IllegalArgumentException("turns: expected one of assistant, got " + turns.keySet());
    }
  }

  /** Refuses an answer that is not the assistant's. */
  static void checkAnswer(List<Message> messages) {
    if (messages.isEmpty() || !messages.get(0).role().equals(Message.ASSISTANT)) {
      throw new IllegalArgumentException("messages: expected the assistant's first, got another");
    }
  }

  @Override
  public String prompt(List<Message> messages) {
    return text(messages) + turn(Message.ASSISTANT).before();
  }

  @Override
  public String answer(List<Message> before, List<Message> messages) {
    checkAnswer(messages);
    String text = text(messages);
    int end = text.length() - turn(messages.get(messages.size() - 1).role()).after().length();
    return text.substring(turn(Message.ASSISTANT).before().length(), end);
  }

  private String text(List<Message> messages) {
    StringBuilder text = new StringBuilder();
    for (Message message : messages) {
      Turn turn = turn(message.role());
      text.append(turn.before()).append(turn.gap()).append(message.content()).append(turn.after());
    }
    return text.toString();
  }

  private Turn turn(String role) {
    Turn turn = turns.get(role);
    if (turn == null) {
      // The role itself may be anything and is not shown.
      throw new IllegalArgumentException(
          "role: expected one of " + turns.keySet() + ", got another");
    }
    return turn;
  }
}
