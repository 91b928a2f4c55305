package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;

/** The one rule that every token id keeps. */
final class TokenIds {

  private TokenIds() {}

  static void check(String parameter, ImmutableIntArray tokens) {
    for (int i = 0; i < tokens.length(); i++) {
      int token = tokens.get(i);
      checkArgument(
          token >= 0, "%s: expected ids >= 0, got %s at position %s", parameter, token, i);
    }
  }
}
