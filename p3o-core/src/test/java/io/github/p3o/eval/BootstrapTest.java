package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.ImmutableIntArray;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BootstrapTest {

  /**
   * The least and the greatest prompt of two: each draw has one of them twice, or both. That there
   * are two is so in every draw, which does not tell where it may lie.
   */
  @Test
  void intervals_ofFewPrompts_comeFromDrawsOfEveryPrompt() {
    Interval[] intervals =
        new Bootstrap(List.of("a", "b"), 1000, 3)
            .intervals(
                (prompts, weights) ->
                    new double[] {
                      Arrays.stream(prompts).min().orElseThrow(),
                      Arrays.stream(prompts).max().orElseThrow(),
                      prompts.length
                    });

    assertThat(intervals)
        .containsExactly(
            new Interval(0, 0, 1), new Interval(1, 0, 1), new Interval(2, Double.NaN, Double.NaN));
  }

  @Test
  void intervals_ofWhatADrawDoesNotHave_areOverTheOtherDraws() {
    Interval interval =
        new Bootstrap(List.of("a", "b"), 1000, 3)
            .intervals((prompts, weights) -> new double[] {ofThese(IntStream.of(prompts).sum())})[
            0];

    assertThat(interval).isEqualTo(new Interval(1, 1, 2));
  }

  private static double ofThese(int sum) {
    return sum == 0 ? Double.NaN : sum;
  }

  @Test
  void draws_ofRepeatedPrompts_haveAllTimesOfAPromptOrNone() {
    Bootstrap bootstrap = new Bootstrap(List.of("a", "b", "a", "a"), 1000, 3);
    Interval[] intervals =
        bootstrap.intervals(
            (prompts, weights) -> {
              double ofB = Arrays.stream(prompts).filter(g -> g == 1).count();
              return new double[] {ofB, (prompts.length - ofB) % 3};
            });

    assertThat(bootstrap.groups())
        .containsExactly(ImmutableIntArray.of(0, 2, 3), ImmutableIntArray.of(1));
    assertThat(intervals)
        .containsExactly(new Interval(1, 0, 2), new Interval(0, Double.NaN, Double.NaN));
  }

  @Test
  void intervals_ofOnePrompt_areOverTheTimesThatItWasAsked() {
    Interval[] often =
        new Bootstrap(List.of("a", "a"), 1000, 3)
            .intervals(
                (prompts, weights) -> new double[] {Arrays.stream(prompts).min().orElseThrow()});
    Interval[] once =
        new Bootstrap(List.of("a"), 1000, 3).intervals((prompts, weights) -> new double[] {7});

    assertThat(often).containsExactly(new Interval(0, 0, 1));
    assertThat(once).containsExactly(new Interval(7, Double.NaN, Double.NaN));
  }

  /** Of a weight of mean 1 that is the square of a normal one: scipy.stats.chi2(1).ppf. */
  @Test
  void weights_ofDraws_areSquaresOfNormalOnesAndOfTheValueOne() {
    Interval[] intervals =
        new Bootstrap(List.of("a"), 100_000, 3)
            .intervals(
                (prompts, weights) -> new double[] {weights.getAsDouble(), weights.getAsDouble()});

    assertThat(intervals[0]).isNotEqualTo(intervals[1]);
    for (Interval interval : intervals) {
      assertThat(interval.value()).isEqualTo(1);
      assertThat(interval.low()).isCloseTo(0.000982069, within(2e-4));
      assertThat(interval.high()).isCloseTo(5.02388619, within(0.1));
    }
  }
}
