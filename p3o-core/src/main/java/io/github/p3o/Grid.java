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

  static ImmutableDoubleArray join(String name, double[]... rows) {
    checkArgument(rows.length >= 1, "%s: expected at least 1 row, got none", name);
    ImmutableDoubleArray.Builder joined =
        ImmutableDoubleArray.builder(rows.length * rows[0].length);
    for (int i = 0; i < rows.length; i++) {
      checkArgument(
          rows[i].length == rows[0].length,
          "%s[%s]: expected length %s as in row 0, got %s",
          name,
          i,
          rows[0].length,
          rows[i].length);
      joined.addAll(rows[i]);
    }
    return joined.build();
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
