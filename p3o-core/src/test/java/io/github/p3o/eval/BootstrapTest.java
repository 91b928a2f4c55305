package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BootstrapTest {

  /** The least and the greatest prompt of two: each draw has one of them twice, or both. */
  @Test
  void intervals_ofFewPrompts_comeFromDrawsOfEveryPrompt() {
    Interval[] intervals =
        new Bootstrap(2, 1000, 3)
            .intervals(
                prompts ->
                    new double[] {
                      Arrays.stream(prompts).min().orElseThrow(),
                      Arrays.stream(prompts).max().orElseThrow(),
                      prompts.length
                    });

    assertThat(intervals)
        .containsExactly(new Interval(0, 0, 1), new Interval(1, 0, 1), new Interval(2, 2, 2));
  }

  @Test
  void intervals_ofWhatADrawDoesNotHave_areOverTheOtherDraws() {
    Interval interval =
        new Bootstrap(2, 1000, 3)
            .intervals(prompts -> new double[] {IntStream.of(prompts).sum() == 0 ? Double.NaN : 7})[
            0];

    assertThat(interval).isEqualTo(new Interval(7, 7, 7));
  }
}
