package io.github.p3o.examples.run;

import org.jspecify.annotations.Nullable;

/** Checks of options, with messages that name option, rule and value. */
public final class Checks {

  private Checks() {}

  /** A number that is not too small; null if it was not given. */
  public static void atLeast(String option, int least, @Nullable Integer value) {
    if (value != null && value < least) {
      throw new UsageException(option + ": expected at least " + least + ", got " + value);
    }
  }

  /** A share. */
  public static void share(String option, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new UsageException(option + ": expected a number in [0, 1), got " + value);
    }
  }

  /** A positive number. */
  public static void positive(String option, double value) {
    if (!(value > 0 && Double.isFinite(value))) {
      throw new UsageException(option + ": expected a finite number > 0, got " + value);
    }
  }
}
