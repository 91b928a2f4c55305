package io.github.p3o.text;

import com.google.common.collect.ImmutableMap;
import com.google.errorprone.annotations.Immutable;
import java.nio.file.Path;
import java.util.List;

/**
 * How a conversation is written as one text. A model follows the template that it was trained with,
 * which its files name: {@link #ofCheckpoint}. The token that begins a sequence is not part of the
 * text, and neither is the one that ends it.
 */
@Immutable
public interface ChatTemplate {

  /** {@code "\n\nHuman: …\n\nAssistant: …"}, the dialogues of Anthropic's HH. */
  ChatTemplate HH =
      ofTurns(
          ImmutableMap.of(
              "user",
              new Turn("\n\nHuman:", " ", ""),
              Message.ASSISTANT,
              new Turn("\n\nAssistant:", " ", "")));

  /** {@code <|im_start|>role\n…<|im_end|>\n}, of Qwen, SmolLM-Instruct and others. */
  ChatTemplate CHATML =
      ofTurns(
          ImmutableMap.of(
              "system",
              new Turn("<|im_start|>system\n", "", "<|im_end|>\n"),
              "user",
              new Turn("<|im_start|>user\n", "", "<|im_end|>\n"),
              Message.ASSISTANT,
              new Turn("<|im_start|>assistant\n", "", "<|im_end|>\n")));

  /** {@code <|role|>\n…</s>\n}, of Zephyr and TinyLlama-Chat. */
  ChatTemplate ZEPHYR =
      ofTurns(
          ImmutableMap.of(
              "system",
              new Turn("<|system|>\n", "", "</s>\n"),
              "user",
              new Turn("<|user|>\n", "", "</s>\n"),
              Message.ASSISTANT,
              new Turn("<|assistant|>\n", "", "</s>\n")));

  /**
   * What stands around a message.
   *
   * @param before in front of the content; of the assistant also what a prompt ends with
   * @param gap between that and the content, not part of a prompt
   * @param after behind the content; not part of a last message
   */
  @Immutable
  record Turn(String before, String gap, String after) {}

  /**
   * A template that writes the same around every message of a role.
   *
   * @param turns what stands before and after a message, by its role; other roles are refused
   * @return the template
   * @throws IllegalArgumentException if there is none of {@code assistant}
   */
  static ChatTemplate ofTurns(ImmutableMap<String, Turn> turns) {
    return new TurnsTemplate(turns);
  }

  /**
   * The template that a checkpoint comes with, in Jinja: {@code chat_template.jinja}, or {@code
   * chat_template} of {@code tokenizer_config.json}. Tools and documents are not given to it.
   *
   * <p>Needs {@code com.hubspot.jinjava:jinjava}, an optional dependency.
   *
   * @param directory of a Hugging Face checkpoint
   * @return the template
   * @throws IllegalStateException if the dependency is not there
   * @throws IllegalArgumentException if there is no template, or it cannot be parsed; the message
   *     says what
   * @throws java.io.UncheckedIOException if a file cannot be read
   */
  static ChatTemplate ofCheckpoint(Path directory) {
    try {
      return JinjaTemplate.read(directory);
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException(
          "ChatTemplate.ofCheckpoint: expected com.hubspot.jinjava:jinjava:2.8.4 on the class path,"
              + " got no class "
              + e.getMessage(),
          e);
    }
  }

  /**
   * A conversation up to where the assistant answers.
   *
   * @param messages in their order
   * @return the text, with what stands before an answer
   * @throws IllegalArgumentException for messages that the template does not take, such as of a
   *     role that it does not have
   */
  String prompt(List<Message> messages);

  /**
   * What follows a {@link #prompt}: an answer, and perhaps further turns.
   *
   * @param before the messages of the prompt
   * @param messages of which the first is the assistant's
   * @return the text, without what stands behind the last message
   * @throws IllegalArgumentException for messages that the template does not take, or another's
   *     message first
   */
  String answer(List<Message> before, List<Message> messages);
}
