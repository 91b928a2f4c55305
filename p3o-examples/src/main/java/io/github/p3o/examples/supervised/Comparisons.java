package io.github.p3o.examples.supervised;

import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.text.Preference;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.TokenStatistics;
import io.github.p3o.train.Comparison;
import java.util.Locale;

/** Turns preferences into comparisons that fit a context, and counts tokens and what was cut. */
public final class Comparisons {

  private final TextCodec codec;
  private final int maxTokens;
  private final TokenStatistics dialogues;
  private int truncated;
  private int total;

  public Comparisons(TextCodec codec, int maxTokens) {
    this.codec = codec;
    this.maxTokens = maxTokens;
    this.dialogues = new TokenStatistics(maxTokens);
  }

  /**
   * Both dialogues lose the same tokens of their prompt on the left, so that they stay answers to
   * the same. Of a response longer than the context itself the end is kept.
   */
  public Comparison of(Preference preference) {
    Response chosen = codec.response(preference.prompt(), preference.chosen());
    Response rejected = codec.response(preference.prompt(), preference.rejected());
    Prompt whole = codec.prompt(preference.prompt());
    int room = maxTokens - Math.max(chosen.length(), rejected.length());
    total++;
    dialogues.add(whole.tokens().length() + chosen.length());
    dialogues.add(whole.tokens().length() + rejected.length());
    if (whole.tokens().length() <= room) {
      return new Comparison(whole, chosen, rejected);
    }
    truncated++;
    Prompt prompt = codec.prompt(preference.prompt(), Math.max(room, 1 + codec.begun().length));
    int left = maxTokens - prompt.tokens().length();
    return new Comparison(prompt, last(chosen, left), last(rejected, left));
  }

  private static Response last(Response response, int tokens) {
    int length = response.length();
    return length <= tokens
        ? response
        : new Response(response.tokens().subArray(length - tokens, length), response.ended());
  }

  /** What was read and cut, in words. */
  String summary() {
    return String.format(
        Locale.ROOT,
        "dialogues: %s%n%d of %d comparisons truncated from the left to %d tokens",
        dialogues,
        truncated,
        total,
        maxTokens);
  }
}
