package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.github.p3o.text.Tokenizer;
import java.util.List;

/** Ends responses, looking at nothing but the response. */
@FunctionalInterface
public interface StopRule {

  /**
   * Whether a response is complete.
   *
   * @param tokens the response so far {@code [tokens]}, at least one; not to be changed
   * @return true if its last token is the last one
   */
  boolean stops(int[] tokens);

  /**
   * Ends a response as soon as its text contains one of these strings, however they are split into
   * tokens.
   *
   * @param tokenizer turns tokens to text
   * @param strings none of them empty
   * @return the rule
   * @throws IllegalArgumentException for an empty string
   */
  static StopRule atText(Tokenizer tokenizer, List<String> strings) {
    ImmutableList<String> stops = ImmutableList.copyOf(strings);
    checkArgument(
        stops.stream().noneMatch(String::isEmpty), "strings: expected no empty one, got one");
    return tokens -> {
      String text = tokenizer.decode(tokens);
      return stops.stream().anyMatch(text::contains);
    };
  }
}
