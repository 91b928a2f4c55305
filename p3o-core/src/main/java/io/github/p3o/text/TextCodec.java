package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.Ints;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.ToDoubleBiFunction;

/**
 * Between texts and the tokens that a language model reads and writes: a prompt begins with the
 * begin token, and a response that is given ends with the end token, where the tokenizer has them.
 * As many threads may use it as may use its tokenizer.
 *
 * @param tokenizer of the model; stays the caller's to close
 */
public record TextCodec(Tokenizer tokenizer) {

  /**
   * A prompt of a text.
   *
   * @param text what stands in front of a response
   * @return the begin token, if there is one, and the text's
   * @throws IllegalArgumentException for a text without a token, if there is no begin token
   */
  public Prompt prompt(String text) {
    return prompt(text, Integer.MAX_VALUE);
  }

  /**
   * A prompt of the end of a text: what is too much is cut off at its beginning.
   *
   * @param text what stands in front of a response
   * @param maxTokens how many tokens at most, with the begin token, if there is one; at least 1
   * @return the begin token, if there is one, and the text's last
   * @throws IllegalArgumentException for fewer, and as above
   */
  public Prompt prompt(String text, int maxTokens) {
    checkArgument(maxTokens >= 1, "maxTokens: expected at least 1, got %s", maxTokens);
    int[] tokens = tokenizer.encode(text);
    int from = Math.max(0, tokens.length - (maxTokens - begun().length));
    return new Prompt(
        ImmutableIntArray.copyOf(begun(Arrays.copyOfRange(tokens, from, tokens.length))));
  }

  /**
   * Prompts of several texts.
   *
   * @param texts as of {@link #prompt(String)}
   * @return the prompts in their order
   */
  public ImmutableList<Prompt> prompts(List<String> texts) {
    return texts.stream().map(this::prompt).collect(ImmutableList.toImmutableList());
  }

  /**
   * Tokens as the beginning of a sequence.
   *
   * @param tokens {@code [tokens]} of a text
   * @return the begin token, if there is one, and these
   */
  public int[] begun(int... tokens) {
    OptionalInt begin = tokenizer.beginToken();
    return begin.isPresent() ? Ints.concat(new int[] {begin.getAsInt()}, tokens) : tokens;
  }

  /**
   * Tokens as the end of a sequence.
   *
   * @param tokens {@code [tokens]} of a text
   * @return these and the end token, if there is one
   */
  public int[] ended(int... tokens) {
    OptionalInt end = tokenizer.endToken();
    return end.isPresent() ? Ints.concat(tokens, new int[] {end.getAsInt()}) : tokens;
  }

  /**
   * A response of a text, for examples to imitate and comparisons.
   *
   * @param prompt the text in front
   * @param text follows it directly
   * @return the text's tokens behind the prompt, and the end token, if there is one
   */
  public Response response(String prompt, String text) {
    return new Response(
        ImmutableIntArray.copyOf(ended(tokenizer.encodeAfter(prompt, text))),
        tokenizer.endToken().isPresent());
  }

  /**
   * The text of a prompt.
   *
   * @param prompt tokens of the vocabulary
   * @return the text, without special tokens
   */
  public String text(Prompt prompt) {
    return tokenizer.decode(prompt.tokens().toArray());
  }

  /**
   * The text that a response adds to its prompt.
   *
   * @param prompt tokens of the vocabulary
   * @param response tokens of the vocabulary
   * @return the text, without special tokens; with the space that it may begin with
   */
  public String text(Prompt prompt, Response response) {
    String before = text(prompt);
    String whole =
        tokenizer.decode(Ints.concat(prompt.tokens().toArray(), response.tokens().toArray()));
    // A cut multi-byte character may decode otherwise once it is whole.
    return whole.startsWith(before)
        ? whole.substring(before.length())
        : tokenizer.decode(response.tokens().toArray());
  }

  /**
   * A reward model that reads texts.
   *
   * @param scorer the reward of a prompt's text and the text that a response adds to it; finite,
   *     higher is better
   * @return a reward model that calls it for each response
   */
  public RewardModel rewardModel(ToDoubleBiFunction<String, String> scorer) {
    return RewardModel.each(
        (prompt, response) -> scorer.applyAsDouble(text(prompt), text(prompt, response)));
  }
}
