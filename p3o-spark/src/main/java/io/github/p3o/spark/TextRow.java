package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.Tokenizer;
import org.apache.spark.sql.Row;

/** The tokens of a prompt and of the texts that may follow it; none for a text that is null. */
final class TextRow {

  private TextRow() {}

  static ImmutableList<ImmutableIntArray> encoded(Tokenizer tokenizer, Row row) {
    TextCodec codec = new TextCodec(tokenizer);
    ImmutableList.Builder<ImmutableIntArray> columns = ImmutableList.builder();
    String prompt = row.isNullAt(0) ? "" : row.getString(0);
    columns.add(
        row.isNullAt(0)
            ? ImmutableIntArray.of()
            : ImmutableIntArray.copyOf(codec.begun(tokenizer.encode(prompt))));
    for (int i = 1; i < row.length(); i++) {
      columns.add(
          row.isNullAt(i)
              ? ImmutableIntArray.of()
              : ImmutableIntArray.copyOf(
                  codec.ended(tokenizer.encodeAfter(prompt, row.getString(i)))));
    }
    return columns.build();
  }
}
