package io.github.p3o.internal;

import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.NonFiniteException;
import java.util.Locale;

/** Refuses numbers of pairs that are none, before anything is updated. */
public final class Finite {

  private Finite() {}

  /**
   * Checks numbers of responses.
   *
   * @param name what they are
   * @param values row-major {@code [k, groups]}
   * @param ids of the pairs {@code [groups]}
   * @throws NonFiniteException names the pair
   */
  public static void check(String name, double[] values, ImmutableLongArray ids) {
    for (int i = 0; i < values.length; i++) {
      if (!Double.isFinite(values[i])) {
        throw new NonFiniteException(
            String.format(
                Locale.ROOT,
                "%s: expected finite values, got %s for response %d of pair %d;"
                    + " the parameters are unchanged",
                name,
                values[i],
                i / ids.length(),
                ids.get(i % ids.length())));
      }
    }
  }
}
