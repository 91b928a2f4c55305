package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.Ints;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.text.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * Between texts and what a policy reads and writes.
 *
 * @param tokenizer of the model
 */
public record TextCodec(Tokenizer tokenizer) {

  /** The begin token, if there is one, and the tokens of a text. */
  public Prompt prompt(String text) {
    return new Prompt(ImmutableIntArray.copyOf(begun(tokenizer.encode(text))));
  }

  /** The same of several texts. */
  public ImmutableList<Prompt> prompts(List<String> texts) {
    return texts.stream().map(this::prompt).collect(ImmutableList.toImmutableList());
  }

  /** The begin token, if there is one, and the last tokens of a text, at most so many in all. */
  public Prompt lastOf(String text, int maxTokens) {
    int[] tokens = tokenizer.encode(text);
    int room = maxTokens - begun().length;
    int from = Math.max(0, tokens.length - room);
    return new Prompt(
        ImmutableIntArray.copyOf(begun(Arrays.copyOfRange(tokens, from, tokens.length))));
  }

  /** The begin token, if there is one, in front of tokens. */
  public int[] begun(int... tokens) {
    OptionalInt begin = tokenizer.beginToken();
    return begin.isPresent() ? Ints.concat(new int[] {begin.getAsInt()}, tokens) : tokens;
  }

  /**
   * The tokens of a text that follows a prompt, and the end token, if there is one.
   *
   * @param prompt the text in front
   * @param text follows it directly
   */
  public Response response(String prompt, String text) {
    int[] tokens = tokenizer.encodeAfter(prompt, text);
    OptionalInt end = tokenizer.endToken();
    int[] all = end.isPresent() ? Ints.concat(tokens, new int[] {end.getAsInt()}) : tokens;
    return new Response(ImmutableIntArray.copyOf(all), end.isPresent());
  }

  /** The text of a prompt. */
  public String text(Prompt prompt) {
    return tokenizer.decode(prompt.tokens().toArray());
  }

  /** The text that a response adds to its prompt. */
  public String text(Prompt prompt, Response response) {
    String before = text(prompt);
    String whole =
        tokenizer.decode(Ints.concat(prompt.tokens().toArray(), response.tokens().toArray()));
    // A cut multi-byte character may decode otherwise once it is whole.
    return whole.startsWith(before)
        ? whole.substring(before.length())
        : tokenizer.decode(response.tokens().toArray());
  }
}
