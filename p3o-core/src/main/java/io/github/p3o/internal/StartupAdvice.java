package io.github.p3o.internal;

import com.google.common.annotations.VisibleForTesting;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Names settings of the process that make it faster and that only its start can set. {@code
 * bin/p3o} sets them.
 */
final class StartupAdvice {

  private static final Logger LOG = LoggerFactory.getLogger(StartupAdvice.class);

  private static final AtomicBoolean GIVEN = new AtomicBoolean();

  private StartupAdvice() {}

  /** Logs one line if something is missing, once in a process. */
  static void giveOnce() {
    if (!GIVEN.getAndSet(true) && Fusion.isOnCpu()) {
      missing(System::getenv, System::getProperty).ifPresent(LOG::info);
    }
  }

  /** One line; empty if all is set, to whatever values. */
  @VisibleForTesting
  static Optional<String> missing(
      Function<String, @Nullable String> environment,
      Function<String, @Nullable String> properties) {
    List<String> missing = new ArrayList<>();
    // Idle threads of OpenMP and of OpenBLAS otherwise wait in a loop, on cores that others need.
    if (environment.apply("OMP_WAIT_POLICY") == null) {
      missing.add("OMP_WAIT_POLICY=passive");
    }
    if (environment.apply("OPENBLAS_THREAD_TIMEOUT") == null) {
      missing.add("OPENBLAS_THREAD_TIMEOUT=16");
    }
    // JavaCPP otherwise asks for the size of the process at every allocation, and runs the
    // collector.
    if (properties.apply("org.bytedeco.javacpp.maxphysicalbytes") == null) {
      missing.add("-Dorg.bytedeco.javacpp.maxphysicalbytes=0");
    }
    return missing.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "This process may run at twice the speed if it is started with "
                + String.join(" ", missing)
                + " (README, \"CPU or GPU\")");
  }
}
