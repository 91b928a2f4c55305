package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class CompilationWatchTest {

  @Test
  void during_longWork_tellsAgainAndAgain() {
    CountDownLatch told = new CountDownLatch(3);

    String result =
        CompilationWatch.during(
            () -> {
              await(told);
              return "done";
            },
            Duration.ofMillis(1),
            time -> told.countDown());

    assertThat(result).isEqualTo("done");
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void during_shortWork_isSilent() {
    int result =
        CompilationWatch.during(
            () -> 1,
            Duration.ofDays(1),
            time -> {
              throw new AssertionError("told after " + time);
            });

    assertThat(result).isEqualTo(1);
  }

  @Test
  void during_workThatFails_throwsWhatItThrew() {
    assertThatThrownBy(
            () ->
                CompilationWatch.during(
                    () -> {
                      throw new IllegalStateException("no device");
                    },
                    Duration.ofDays(1),
                    time -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no device");
  }
}
