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

  /** The ids where a mask is 1, which stand side by side. */
  static ImmutableIntArray unpadded(int[] ids, int[] mask) {
    checkArgument(
        mask.length == ids.length,
        "attentionMask: expected shape [%s], got [%s]",
        ids.length,
        mask.length);
    int begin = 0;
    while (begin < mask.length && mask[begin] == 0) {
      begin++;
    }
    int end = begin;
    while (end < mask.length && mask[end] == 1) {
      end++;
    }
    for (int i = end; i < mask.length; i++) {
      checkArgument(
          mask[i] == 0,
          "attentionMask[%s]: expected 0, as tokens stand side by side, got %s",
          i,
          mask[i]);
    }
    return ImmutableIntArray.copyOf(ids).subArray(begin, end);
  }
}
