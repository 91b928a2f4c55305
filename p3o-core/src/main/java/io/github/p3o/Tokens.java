package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableDoubleArray;

/** The checks that values of the tokens of one response share. */
final class Tokens {

  private Tokens() {}

  static void check(String name, ImmutableDoubleArray values) {
    checkArgument(!values.isEmpty(), "%s: expected at least one token, got none", name);
    for (int t = 0; t < values.length(); t++) {
      checkArgument(
          Double.isFinite(values.get(t)),
          "%s[%s]: expected a finite value, got %s",
          name,
          t,
          values.get(t));
    }
  }

  static void checkLength(String name, int length, int got) {
    checkArgument(got == length, "%s: expected %s tokens, got %s", name, length, got);
  }
}
