package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TasksTest {

  private static void assertRunsEachOnce(int count) {
    AtomicIntegerArray runs = new AtomicIntegerArray(count);
    Tasks.each(count, runs::incrementAndGet);
    for (int i = 0; i < count; i++) {
      assertThat(runs.get(i)).as("task %s", i).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 1000})
  void each_runsEveryTaskOnce(int count) {
    for (int i = 0; i < 100; i++) {
      assertRunsEachOnce(count);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void each_inAPoolOfItsOwn_runsEveryTaskOnce(int threads) throws Exception {
    ForkJoinPool pool = new ForkJoinPool(threads);
    for (int i = 0; i < 100; i++) {
      pool.submit(() -> assertRunsEachOnce(50)).get();
    }
    pool.shutdown();
  }

  @Test
  void each_withinATask_runsEveryTaskOnce() {
    AtomicInteger runs = new AtomicInteger();
    Tasks.each(20, i -> Tasks.each(20, j -> runs.incrementAndGet()));

    assertThat(runs).hasValue(400);
  }

  @Test
  void each_whereATaskFails_throwsWhenAllHaveEnded() {
    for (int round = 0; round < 200; round++) {
      int failing = round % 5;
      AtomicInteger open = new AtomicInteger();
      assertThatThrownBy(
              () ->
                  Tasks.each(
                      50,
                      i -> {
                        open.incrementAndGet();
                        try {
                          if (i % 5 == failing) {
                            throw new IllegalStateException("task");
                          }
                        } finally {
                          open.decrementAndGet();
                        }
                      }))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("task");
      assertThat(open).hasValue(0);
    }
  }
}
