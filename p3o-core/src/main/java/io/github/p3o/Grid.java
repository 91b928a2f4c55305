package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableDoubleArray;
import java.util.Arrays;
import java.util.stream.IntStream;

/** The checks and index arithmetic that {@link LogProbs} and {@link Rewards} share. */
final class Grid {

  private Grid() {}

  static void check(String name, int responses, ImmutableDoubleArray values) {
    checkArgument(responses >= 1, "%s.responses: expected at least 1, got %s", name, responses);
    checkArgument(
        values.length() % responses == 0,
        "%s: expected a multiple of %s values, got %s",
        name,
        responses,
        values.length());
    int groups = values.length() / responses;
    for (int i = 0; i < values.length(); i++) {
      checkArgument(
          Double.isFinite(values.get(i)),
          "%s: expected finite values, got %s for response %s of pair %s",
          name,
          values.get(i),
          groups == 0 ? 0 : i / groups,
          groups == 0 ? 0 : i % groups);
    }
  }

  /** Row after row. */
  static ImmutableDoubleArray join(String name, double[]... rows) {
    int length = length(name, rows);
    ImmutableDoubleArray.Builder joined = ImmutableDoubleArray.builder(rows.length * length);
    for (double[] row : rows) {
      joined.addAll(row);
    }
    return joined.build();
  }

  /** Column after column. */
  static ImmutableDoubleArray transposed(String name, double[]... columns) {
    int length = length(name, columns);
    ImmutableDoubleArray.Builder joined = ImmutableDoubleArray.builder(columns.length * length);
    for (int i = 0; i < length; i++) {
      for (double[] column : columns) {
        joined.add(column[i]);
      }
    }
    return joined.build();
  }

  /** The one that all have. */
  private static int length(String name, double[]... arrays) {
    checkArgument(arrays.length >= 1, "%s: expected at least 1 array, got none", name);
    for (int i = 0; i < arrays.length; i++) {
      checkArgument(arrays[i] != null, "%s[%s]: expected an array, got null", name, i);
      checkArgument(
          arrays[i].length == arrays[0].length,
          "%s[%s]: expected length %s as of the first, got %s",
          name,
          i,
          arrays[0].length,
          arrays[i].length);
    }
    return arrays[0].length;
  }

  /** Where a value lies; without the check a column too many would be in the next row. */
  static int index(int responses, int groups, int response, int group) {
    checkIndex("response", responses, response);
    checkIndex("group", groups, group);
    return response * groups + group;
  }

  private static void checkIndex(String name, int count, int index) {
    if (index < 0 || index >= count) {
      throw new IndexOutOfBoundsException(
          name + ": expected from 0 to " + (count - 1) + ", got " + index);
    }
  }

  /** The columns {@code groups} of a grid of {@code responses} rows. */
  static ImmutableDoubleArray select(int responses, ImmutableDoubleArray values, int[] groups) {
    int columns = values.length() / responses;
    return ImmutableDoubleArray.copyOf(
        IntStream.range(0, responses)
            .boxed()
            .flatMapToDouble(
                row ->
                    Arrays.stream(groups)
                        .mapToDouble(g -> values.get(index(responses, columns, row, g)))));
  }
}
