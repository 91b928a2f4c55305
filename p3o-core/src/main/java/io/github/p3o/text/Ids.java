package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

/** The check that every tokenizer makes. */
final class Ids {

  private Ids() {}

  static void check(int[] tokens, int vocabularySize) {
    for (int i = 0; i < tokens.length; i++) {
      checkArgument(
          tokens[i] >= 0 && tokens[i] < vocabularySize,
          "tokens[%s]: expected an id in [0, %s), got %s",
          i,
          vocabularySize,
          tokens[i]);
    }
  }
}
