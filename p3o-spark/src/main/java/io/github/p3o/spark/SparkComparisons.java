package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.train.Comparison;
import java.util.random.RandomGenerator;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Draws preferences uniformly, with replacement, from a data set of any size, for {@link
 * io.github.p3o.train.RewardModelTrainer}. As with {@link SparkPrompts} the rows stay on the
 * executors.
 */
public final class SparkComparisons implements AutoCloseable {

  private final IndexedRows rows;

  /**
   * Preferences that are token ids.
   *
   * @param data any rows
   * @param prompt column of arrays of integers, each with at least one
   * @param chosen column of the preferred responses, likewise
   * @param rejected column of the others, likewise
   * @throws IllegalArgumentException for no rows, or rows without tokens in one of the columns
   */
  public SparkComparisons(Dataset<Row> data, String prompt, String chosen, String rejected) {
    rows = new IndexedRows(data, ImmutableList.of(prompt, chosen, rejected), IndexedRows.tokens());
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
