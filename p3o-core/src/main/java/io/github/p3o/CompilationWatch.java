package io.github.p3o;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Tells, while a start takes long, that it is still going on. */
final class CompilationWatch {

  private CompilationWatch() {}

  /**
   * Does something and tells how long it has taken so far, again and again.
   *
   * @param patience before the first time, and between them
   * @param tell is called on another thread
   */
  static <T> T during(Supplier<T> work, Duration patience, Consumer<Duration> tell) {
    ScheduledExecutorService clock =
        Executors.newSingleThreadScheduledExecutor(
            runnable -> {
              Thread thread = new Thread(runnable, "p3o start");
              thread.setDaemon(true);
              return thread;
            });
    try {
      long begin = System.nanoTime();
      var unused =
          clock.scheduleAtFixedRate(
              () -> tell.accept(Duration.ofNanos(System.nanoTime() - begin)),
              patience.toNanos(),
              patience.toNanos(),
              TimeUnit.NANOSECONDS);
      return work.get();
    } finally {
      clock.shutdownNow();
    }
  }
}
