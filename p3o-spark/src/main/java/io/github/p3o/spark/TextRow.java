package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.Ints;
import io.github.p3o.text.Tokenizer;
import java.util.Arrays;
import java.util.OptionalInt;
import org.apache.spark.sql.Row;

/** The tokens of a prompt and of the texts that may follow it; none for a text that is null. */
final class TextRow {

  private TextRow() {}

  static ImmutableList<ImmutableIntArray> encoded(Tokenizer tokenizer, Row row) {
    ImmutableList.Builder<ImmutableIntArray> columns = ImmutableList.builder();
    String prompt = row.isNullAt(0) ? "" : row.getString(0);
    columns.add(
        row.isNullAt(0)
            ? ImmutableIntArray.of()
            : joined(special(tokenizer.beginToken()), tokenizer.encode(prompt)));
    for (int i = 1; i < row.length(); i++) {
      columns.add(
          row.isNullAt(i)
              ? ImmutableIntArray.of()
              : joined(
                  following(tokenizer, prompt, row.getString(i)), special(tokenizer.endToken())));
    }
    return columns.build();
  }

  /**
   * Tokens may depend on what stands in front: those after the prompt's in the whole text or, where
   * a token spans both, those of the response by itself.
   */
  private static int[] following(Tokenizer tokenizer, String prompt, String text) {
    int[] first = tokenizer.encode(prompt);
    int[] whole = tokenizer.encode(prompt + text);
    return whole.length >= first.length
            && Arrays.equals(whole, 0, first.length, first, 0, first.length)
        ? Arrays.copyOfRange(whole, first.length, whole.length)
        : tokenizer.encode(text);
  }

  private static int[] special(OptionalInt token) {
    return token.isPresent() ? new int[] {token.getAsInt()} : new int[0];
  }

  private static ImmutableIntArray joined(int[] first, int[] second) {
    return ImmutableIntArray.copyOf(Ints.concat(first, second));
  }
}
