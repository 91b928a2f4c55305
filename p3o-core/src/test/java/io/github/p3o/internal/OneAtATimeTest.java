package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class OneAtATimeTest {

  private static void close(OneAtATime calls, AtomicInteger firsts) {
    try {
      if (calls.close()) {
        firsts.incrementAndGet();
      }
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("got within close of thread");
    }
  }

  /** What is closed twice would free its memory twice. */
  @Test
  void close_byTwoThreadsAtOnce_isTheFirstForOneOfThem() throws Exception {
    for (int round = 0; round < 50_000; round++) {
      OneAtATime calls = new OneAtATime("owner");
      AtomicInteger firsts = new AtomicInteger();
      AtomicBoolean begun = new AtomicBoolean();
      Future<?> other =
          ForkJoinPool.commonPool()
              .submit(
                  () -> {
                    begun.set(true);
                    close(calls, firsts);
                  });
      while (!begun.get()) {
        Thread.onSpinWait();
      }
      close(calls, firsts);
      other.get();
      assertThat(firsts).hasValue(1);
    }
  }
}
