package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.Ints;
import io.github.p3o.text.Tokenizer;
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
                  tokenizer.encodeAfter(prompt, row.getString(i)), special(tokenizer.endToken())));
    }
    return columns.build();
  }

  private static int[] special(OptionalInt token) {
    return token.isPresent() ? new int[] {token.getAsInt()} : new int[0];
  }

  private static ImmutableIntArray joined(int[] first, int[] second) {
    return ImmutableIntArray.copyOf(Ints.concat(first, second));
  }
}
