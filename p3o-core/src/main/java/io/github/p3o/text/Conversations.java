package io.github.p3o.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableList;
import java.util.List;

/** Lists of messages, split where the assistant answers. */
final class Conversations {

  private Conversations() {}

  /** The messages of a field. */
  static ImmutableList<Message> of(ObjectNode line, String field) throws MalformedLineException {
    JsonNode messages = line.path(field);
    if (!messages.isArray()) {
      throw new MalformedLineException(field + ": expected a list of messages");
    }
    ImmutableList.Builder<Message> all = ImmutableList.builder();
    for (JsonNode message : messages) {
      all.add(new Message(Fields.text(message, "role"), Fields.text(message, "content")));
    }
    return all.build();
  }

  /** Messages before those of a field; none if they are not there. */
  private static ImmutableList<Message> with(ObjectNode line, String field)
      throws MalformedLineException {
    ImmutableList.Builder<Message> all = ImmutableList.builder();
    if (line.has("prompt")) {
      all.addAll(of(line, "prompt"));
    }
    return all.addAll(of(line, field)).build();
  }

  /** {@code prompt} (or none), {@code chosen} and {@code rejected}. */
  static Preference preference(ObjectNode line, ChatTemplate template)
      throws MalformedLineException {
    List<Message> chosen = with(line, "chosen");
    List<Message> rejected = with(line, "rejected");
    int answer = -1;
    for (int i = 0; i < Math.min(chosen.size(), rejected.size()); i++) {
      if (isAnswer(chosen.get(i)) && isAnswer(rejected.get(i))) {
        answer = i;
      }
      if (!chosen.get(i).equals(rejected.get(i))) {
        break;
      }
    }
    if (answer < 0) {
      throw new MalformedLineException(
          "chosen, rejected: expected both to begin with the same messages up to the assistant's");
    }
    try {
      return new Preference(
          template.prompt(chosen.subList(0, answer)),
          template.answer(chosen.subList(0, answer), chosen.subList(answer, chosen.size())),
          template.answer(rejected.subList(0, answer), rejected.subList(answer, rejected.size())));
    } catch (IllegalArgumentException e) {
      throw new MalformedLineException("chosen, rejected: " + e.getMessage());
    }
  }

  /** {@code messages}, or {@code prompt} and {@code completion}: the last answer is imitated. */
  static Completion completion(ObjectNode line, ChatTemplate template)
      throws MalformedLineException {
    String field = line.has("messages") ? "messages" : "completion";
    List<Message> all = line.has("messages") ? of(line, field) : with(line, field);
    int answer = all.size() - 1;
    if (answer < 0 || !isAnswer(all.get(answer))) {
      throw new MalformedLineException(field + ": expected the assistant's message at the end");
    }
    try {
      return new Completion(
          template.prompt(all.subList(0, answer)),
          template.answer(all.subList(0, answer), all.subList(answer, answer + 1)));
    } catch (IllegalArgumentException e) {
      throw new MalformedLineException(field + ": " + e.getMessage());
    }
  }

  /** {@code prompt}, which the assistant answers. */
  static String prompt(ObjectNode line, ChatTemplate template) throws MalformedLineException {
    List<Message> messages = of(line, "prompt");
    if (messages.isEmpty()) {
      throw new MalformedLineException("prompt: expected at least one message");
    }
    try {
      return template.prompt(messages);
    } catch (IllegalArgumentException e) {
      throw new MalformedLineException("prompt: " + e.getMessage());
    }
  }

  private static boolean isAnswer(Message message) {
    return message.role().equals(Message.ASSISTANT);
  }
}
