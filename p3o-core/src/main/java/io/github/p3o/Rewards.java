package io.github.p3o;

import com.google.common.primitives.ImmutableDoubleArray;
import java.util.stream.IntStream;

/**
 * Rewards of responses, in the unit of the reward model, higher is better. A type of its own, so
 * that log-probabilities, rewards and gradients cannot change places.
 *
 * @param responses k, the responses of each prompt: the rows
 * @param values row-major {@code [responses, groups]}, all finite; a group is one prompt with its k
 *     responses, a pair where k = 2
 */
public record Rewards(int responses, ImmutableDoubleArray values) {

  /** Checks that the grid is full and finite. */
  public Rewards {
    Grid.check("rewards", responses, values);
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
  public static Rewards of(double[]... rows) {
    return new Rewards(rows.length, Grid.join("rewards", rows));
  }

  /**
   * From one array for each prompt, the rewards of its responses.
   *
   * @param prompts {@code [groups][k]}, at least one, k the same for all
   * @return the grid {@code [k, groups]}
   * @throws IllegalArgumentException for unequal lengths or a value that is not finite
   */
  public static Rewards ofPrompts(double[]... prompts) {
    return new Rewards(
        prompts.length == 0 || prompts[0] == null ? 0 : prompts[0].length,
        Grid.transposed("rewards", prompts));
  }

  /**
   * From values that already lie one response after the other.
   *
   * @param responses k
   * @param values row-major {@code [responses, groups]}
   * @return the grid
   * @throws IllegalArgumentException if the length is no multiple of k, or for a value not finite
   */
  public static Rewards ofFlat(int responses, double[] values) {
    return new Rewards(responses, ImmutableDoubleArray.copyOf(values));
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
   * @return the reward
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

  /** The greatest less the least reward of a group: without one it teaches nothing. */
  double margin(int group) {
    double least = Double.POSITIVE_INFINITY;
    double greatest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < responses; i++) {
      least = Math.min(least, get(i, group));
      greatest = Math.max(greatest, get(i, group));
    }
    return greatest - least;
  }

  /** The mean over groups of {@link #margin}. */
  double meanMargin() {
    return IntStream.range(0, groups()).mapToDouble(this::margin).sum() / groups();
  }

  /**
   * These columns, in this order.
   *
   * @param groups column indices
   * @return a grid of {@code [responses, groups.length]}
   */
  public Rewards select(int... groups) {
    return new Rewards(responses, Grid.select(responses, values, groups));
  }
}
