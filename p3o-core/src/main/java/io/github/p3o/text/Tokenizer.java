package io.github.p3o.text;

import java.util.Arrays;
import java.util.OptionalInt;

/**
 * Turns text into tokens and back. {@link Tokenizers} has ready ones. Those may be used by several
 * threads at a time, until they are closed.
 */
public interface Tokenizer extends AutoCloseable {

  /**
   * The tokens of a text. Nothing is added in front or behind: put {@link #beginToken} in front of
   * a prompt if the model was trained so.
   *
   * @param text any text; where it spells out a special token of a Hugging Face tokenizer, such as
   *     {@code </s>}, it becomes that token, so be careful with text from elsewhere
   * @return {@code [tokens]} ids in {@code [0, vocabularySize)}
   */
  int[] encode(String text);

  /**
   * The tokens of a text that follows another. Tokens may depend on what stands in front: these are
   * the ones behind the first text's in both together or, where a token spans both, those of the
   * second text by itself.
   *
   * @param first the text in front, such as a prompt
   * @param second follows it directly, such as a response
   * @return {@code [tokens]} of the second text
   */
  default int[] encodeAfter(String first, String second) {
    int[] before = encode(first);
    int[] both = encode(first + second);
    return both.length >= before.length
            && Arrays.equals(both, 0, before.length, before, 0, before.length)
        ? Arrays.copyOfRange(both, before.length, both.length)
        : encode(second);
  }

  /**
   * The text of tokens, without the special ones (begin, end, unknown, padding).
   *
   * @param tokens {@code [tokens]} ids in {@code [0, vocabularySize)}
   * @return text; a tokenizer may drop a space at the very beginning
   * @throws IllegalArgumentException for an id outside the vocabulary
   */
  String decode(int... tokens);

  /**
   * The size of the vocabulary.
   *
   * @return one more than the greatest id
   */
  int vocabularySize();

  /**
   * The token that begins a sequence.
   *
   * @return its id, empty if there is none
   */
  OptionalInt beginToken();

  /**
   * The token that ends a sequence.
   *
   * @return its id, empty if there is none
   */
  OptionalInt endToken();

  /** Frees what the tokenizer holds; by default nothing. */
  @Override
  default void close() {}
}
