package io.github.p3o;

import com.google.common.primitives.ImmutableDoubleArray;

/**
 * Log-probabilities of responses, in nats, one per response. A type of its own, so that
 * log-probabilities, rewards and gradients cannot change places.
 *
 * @param responses k, the responses of each prompt: the rows
 * @param values row-major {@code [responses, groups]}, all finite; a group is one prompt with its k
 *     responses, a pair where k = 2
 */
public record LogProbs(int responses, ImmutableDoubleArray values) {

  /** Checks that the grid is full and finite. */
  public LogProbs {
    Grid.check("logProbs", responses, values);
  }

  /**
   * From one array for each of the k responses: {@code of(first, second)} for pairs. Where there is
   * an array for each prompt, {@link #ofPrompts} is meant: turned round, answers to different
   * prompts would be compared.
   *
   * @param rows k arrays {@code [groups]} of equal length
   * @return the grid
   * @throws IllegalArgumentException for unequal lengths or a value that is not finite
   */
  public static LogProbs of(double[]... rows) {
    return new LogProbs(rows.length, Grid.join("logProbs", rows));
  }

  /**
   * From one array for each prompt, the log-probabilities of its responses.
   *
   * @param prompts {@code [groups][k]}, at least one, k the same for all
   * @return the grid {@code [k, groups]}
   * @throws IllegalArgumentException for unequal lengths or a value that is not finite
   */
  public static LogProbs ofPrompts(double[]... prompts) {
    return new LogProbs(
        prompts.length == 0 || prompts[0] == null ? 0 : prompts[0].length,
        Grid.transposed("logProbs", prompts));
  }

  /**
   * From values that already lie one response after the other.
   *
   * @param responses k
   * @param values row-major {@code [responses, groups]}
   * @return the grid
   * @throws IllegalArgumentException if the length is no multiple of k, or for a value not finite
   */
  public static LogProbs ofFlat(int responses, double[] values) {
    return new LogProbs(responses, ImmutableDoubleArray.copyOf(values));
  }

  /**
   * The number of columns.
   *
   * @return groups, pairs where k = 2
   */
  public int groups() {
    return values.length() / responses;
  }

  /**
   * One value.
   *
   * @param response row, from 0
   * @param group column, from 0
   * @return the sums over the response tokens
   * @throws IndexOutOfBoundsException if there is no such row or column
   */
  public double get(int response, int group) {
    return values.get(Grid.index(responses, groups(), response, group));
  }

  /**
   * One row.
   *
   * @param response row, from 0
   * @return a new array {@code [groups]}
   */
  public double[] row(int response) {
    return values.subArray(response * groups(), (response + 1) * groups()).toArray();
  }

  /**
   * These columns, in this order.
   *
   * @param groups column indices
   * @return a grid of {@code [responses, groups.length]}
   */
  public LogProbs select(int... groups) {
    return new LogProbs(responses, Grid.select(responses, values, groups));
  }
}
