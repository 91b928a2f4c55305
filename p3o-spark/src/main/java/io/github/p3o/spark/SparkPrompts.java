package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Stateful;
import io.github.p3o.text.Tokenizer;
import java.util.random.RandomGenerator;
import org.apache.spark.api.java.function.Function0;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Draws prompts uniformly, with replacement, from a data set of any size, such as Parquet or JSON
 * files. The rows stay on the executors, in memory or on their disks; the driver sees those that
 * are drawn. Which ones follows from the generator and the set of rows alone: the data is sorted
 * once. A run is not resumed with other rows.
 */
public final class SparkPrompts implements PromptSource, Stateful, AutoCloseable {

  private final IndexedRows rows;

  private SparkPrompts(IndexedRows rows) {
    this.rows = rows;
  }

  /**
   * Prompts that are token ids.
   *
   * @param data any rows
   * @param column of arrays of integers (tinyint, smallint, int or bigint), each with at least one;
   *     the numbers themselves are ints
   * @return the source; the caller closes it
   * @throws IllegalArgumentException for a column of another type, no rows, or rows without tokens
   */
  public static SparkPrompts ofTokens(Dataset<Row> data, String column) {
    return new SparkPrompts(IndexedRows.ofTokens(data, ImmutableList.of(column)));
  }

  /**
   * Prompts that are texts, encoded on the executors: the begin token, if the tokenizer has one,
   * and the tokens of the text.
   *
   * @param data any rows
   * @param column of texts
   * @param tokenizer makes one for each task, such as {@code () -> Tokenizers.huggingFace(path)}
   * @return the source; the caller closes it
   * @throws IllegalArgumentException for no rows, or texts without tokens
   */
  public static SparkPrompts ofText(
      Dataset<Row> data, String column, Function0<Tokenizer> tokenizer) {
    return new SparkPrompts(IndexedRows.ofTexts(data, ImmutableList.of(column), tokenizer));
  }

  @Override
  public ImmutableList<Prompt> next(int count, RandomGenerator random) {
    return rows.draw(count, random).stream()
        .map(row -> new Prompt(row.get(0)))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * The number of prompts.
   *
   * @return rows, at least 1
   */
  public long count() {
    return rows.count();
  }

  @Override
  public String state() {
    return rows.state();
  }

  @Override
  public void restore(String state) {
    rows.restore(state);
  }

  /** Lets the executors drop the rows. */
  @Override
  public void close() {
    rows.close();
  }
}
