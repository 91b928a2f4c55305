package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import org.jspecify.annotations.Nullable;

/** What a host hands in, whose code need not know what may be null. */
public final class Given {

  private Given() {}

  /**
   * The value itself.
   *
   * @param by the parameter that it was set as, or that gave it
   * @param what such as "samples"
   * @throws IllegalArgumentException for null
   */
  @CanIgnoreReturnValue
  public static <T> T notNull(String by, String what, @Nullable T value) {
    checkArgument(value != null, "%s: expected %s, got null", by, what);
    return value;
  }
}
