package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.text.Tokenizer;
import io.github.p3o.train.Comparison;
import java.util.random.RandomGenerator;
import org.apache.spark.api.java.function.Function0;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Draws preferences uniformly, with replacement, from a data set of any size, for {@link
 * io.github.p3o.train.RewardModelTrainer}. As with {@link SparkPrompts} the rows stay on the
 * executors.
 */
public final class SparkComparisons implements AutoCloseable {

  private final IndexedRows rows;

  private SparkComparisons(IndexedRows rows) {
    this.rows = rows;
  }

  /**
   * Preferences that are token ids.
   *
   * @param data any rows
   * @param prompt column of arrays of integers (tinyint, smallint, int or bigint), each with at
   *     least one; the numbers themselves are ints
   * @param chosen column of the preferred responses, likewise
   * @param rejected column of the others, likewise
   * @return the source; the caller closes it
   * @throws IllegalArgumentException for a column of another type, no rows, or rows without tokens
   *     in one of the columns
   */
  public static SparkComparisons ofTokens(
      Dataset<Row> data, String prompt, String chosen, String rejected) {
    return new SparkComparisons(
        IndexedRows.ofTokens(data, ImmutableList.of(prompt, chosen, rejected)));
  }

  /**
   * Preferences that are texts, encoded on the executors: the prompt after the begin token, the
   * responses before the end token, where the tokenizer has them. A response follows its prompt
   * directly.
   *
   * @param data any rows
   * @param prompt column of texts
   * @param chosen column of the preferred responses, likewise
   * @param rejected column of the others, likewise
   * @param tokenizer makes one for each task, such as {@code () -> Tokenizers.huggingFace(path)}
   * @return the source; the caller closes it
   * @throws IllegalArgumentException for no rows, or texts without tokens in one of the columns
   */
  public static SparkComparisons ofText(
      Dataset<Row> data,
      String prompt,
      String chosen,
      String rejected,
      Function0<Tokenizer> tokenizer) {
    return new SparkComparisons(
        IndexedRows.ofTexts(data, ImmutableList.of(prompt, chosen, rejected), tokenizer));
  }

  /**
   * Some preferences.
   *
   * @param count how many
   * @param random the only source of chance
   * @return {@code [count]}; the responses count as ended
   */
  public ImmutableList<Comparison> next(int count, RandomGenerator random) {
    return rows.draw(count, random).stream()
        .map(
            row ->
                new Comparison(
                    new Prompt(row.get(0)),
                    new Response(row.get(1), true),
                    new Response(row.get(2), true)))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * The number of preferences.
   *
   * @return rows, at least 1
   */
  public long count() {
    return rows.count();
  }

  /** Lets the executors drop the rows. */
  @Override
  public void close() {
    rows.close();
  }
}
