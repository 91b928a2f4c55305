package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.Parameters;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;

/** Refuses to train parameters that another trains at this moment; one after the other may. */
public final class OneTrainer {

  private static final ConcurrentMap<Parameters, Object> TRAINERS = new ConcurrentHashMap<>();

  private OneTrainer() {}

  /** Runs what changes the parameters. */
  public static <T> T run(Parameters parameters, Object trainer, Supplier<T> call) {
    boolean first = take(parameters, trainer);
    try {
      return call.get();
    } finally {
      if (first) {
        release(parameters, trainer);
      }
    }
  }

  /**
   * Has the parameters until they are released.
   *
   * @return false if this trainer had them before
   * @throws IllegalStateException if another has them
   */
  @CanIgnoreReturnValue
  public static boolean take(Parameters parameters, Object trainer) {
    Object other = TRAINERS.putIfAbsent(parameters, trainer);
    checkState(
        other == null || other == trainer,
        "policy: expected parameters that nobody else trains at this moment, got those that another"
            + " trainer is changing, or that an OnlineAligner has until it is closed");
    return other == null;
  }

  /** Lets them go, if this trainer has them. */
  public static void release(Parameters parameters, Object trainer) {
    TRAINERS.remove(parameters, trainer);
  }
}
