package io.github.p3o.text;

import com.google.common.collect.ImmutableMap;
import com.google.errorprone.annotations.Immutable;
import java.util.List;

/**
 * How a conversation is written as one text. A model follows the template that it was trained with;
 * which one that is says its {@code tokenizer_config.json}, whose template language is not run
 * here.
 *
 * @param turns what stands before and after a message, by its role; other roles are refused
 */
@Immutable
public record ChatTemplate(ImmutableMap<String, Turn> turns) {

  /** The role that answers. */
  static final String ASSISTANT = "assistant";

  /**
   * What stands around a message.
   *
   * @param before in front of the content; of the assistant also what a prompt ends with
   * @param gap between that and the content, not part of a prompt
   * @param after behind the content; not part of a last message
   */
  @Immutable
  public record Turn(String before, String gap, String after) {}

  /** {@code "\n\nHuman: …\n\nAssistant: …"}, the dialogues of Anthropic's HH. */
  public static final ChatTemplate HH =
      new ChatTemplate(
          ImmutableMap.of(
              "user",
              new Turn("\n\nHuman:", " ", ""),
              ASSISTANT,
              new Turn("\n\nAssistant:", " ", "")));

  /** {@code <|im_start|>role\n…<|im_end|>\n}, of Qwen, SmolLM-Instruct and others. */
  public static final ChatTemplate CHATML =
      new ChatTemplate(
          ImmutableMap.of(
              "system",
              new Turn("<|im_start|>system\n", "", "<|im_end|>\n"),
              "user",
              new Turn("<|im_start|>user\n", "", "<|im_end|>\n"),
              ASSISTANT,
              new Turn("<|im_start|>assistant\n", "", "<|im_end|>\n")));

  /** {@code <|role|>\n…</s>\n}, of Zephyr and TinyLlama-Chat. */
  public static final ChatTemplate ZEPHYR =
      new ChatTemplate(
          ImmutableMap.of(
              "system",
              new Turn("<|system|>\n", "", "</s>\n"),
              "user",
              new Turn("<|user|>\n", "", "</s>\n"),
              ASSISTANT,
              new Turn("<|assistant|>\n", "", "</s>\n")));

  /** Checks that there is an assistant. */
  public ChatTemplate {
    if (!turns.containsKey(ASSISTANT)) {
      throw new IllegalArgumentException("turns: expected one of assistant, got " + turns.keySet());
    }
  }

  /**
   * A conversation up to where the assistant answers.
   *
   * @param messages in their order
   * @return the text, with what stands before an answer
   * @throws IllegalArgumentException for a role that the template does not have
   */
  public String prompt(List<Message> messages) {
    return text(messages) + turn(ASSISTANT).before();
  }

  /**
   * What follows a {@link #prompt}: an answer, and perhaps further turns.
   *
   * @param messages of which the first is the assistant's
   * @return the text, without what stands behind the last message
   * @throws IllegalArgumentException for a role that the template does not have, or another's
   *     message first
   */
  public String answer(List<Message> messages) {
    if (messages.isEmpty() || !messages.get(0).role().equals(ASSISTANT)) {
      throw new IllegalArgumentException("messages: expected the assistant's first, got another");
    }
    String text = text(messages);
    int end = text.length() - turn(messages.get(messages.size() - 1).role()).after().length();
    return text.substring(turn(ASSISTANT).before().length(), end);
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
