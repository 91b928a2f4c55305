package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.eval.Tournament;
import java.util.Collections;
import org.junit.jupiter.api.Test;

/** What is said of errors, and of what a tournament is. */
class OutcomeTest {

  private static Outcome outcome(ImmutableList<Long> seeds, String... prompts) {
    ImmutableList<String> of = ImmutableList.copyOf(prompts);
    Judged before = StatisticsTest.judged(of, new double[prompts.length]);
    Judged after =
        StatisticsTest.judged(
            of, Collections.nCopies(prompts.length, 1.0).stream().mapToDouble(x -> x).toArray());
    ImmutableList<Alignment.Point> run =
        ImmutableList.of(new Alignment.Point(0, before), new Alignment.Point(1, after));
    return new Outcome(
        seeds,
        ImmutableMap.of("p3o-v2", ImmutableList.copyOf(Collections.nCopies(seeds.size(), run))),
        new Outcome.Columns("", false));
  }

  @Test
  void errors_ofOneSeed_areOverTheDifferentPrompts() {
    ImmutableList<Long> seed = ImmutableList.of(7L);

    assertThat(outcome(seed, "a", "b", "a").errors())
        .isEqualTo("± is the standard error over the 2 different prompts judged on.");
    assertThat(outcome(seed, "a", "a").errors())
        .isEqualTo(
            "± is the standard error over the answers to the one prompt judged on, and says nothing"
                + " of other prompts.");
    assertThat(outcome(seed, "a").errors()).startsWith("There is no standard error, as one prompt");
    assertThat(outcome(seed, "a").table().toString()).doesNotContain("±");
    assertThat(outcome(seed, "a").shown()).isEmpty();
  }

  @Test
  void errors_ofSeveralSeeds_sayThoseOfBeforeToo() {
    Outcome outcome = outcome(ImmutableList.of(7L, 8L), "a", "b");

    assertThat(outcome.errors())
        .isEqualTo(
            "Means over 2 seeds of the alignment, ± the standard error over seeds; before is one"
                + " policy: ± is the standard error over the 2 different prompts judged on.");
    assertThat(outcome.shown())
        .isEqualTo(
            "Answers and tournament are of the runs with seed 7 alone, the tournament's intervals"
                + " over prompts alone.");
  }

  @Test
  void tournament_onPromptsThatRecur_isOverTheDifferentOnes() {
    Tournament tournament =
        outcome(ImmutableList.of(7L), "a", "b", "a", "b", "a", "b", "a", "b").tournament();

    assertThat(tournament.prompts()).isEqualTo(8);
    assertThat(tournament.distinctPrompts()).isEqualTo(2);
    // two prompts won, four times each: Wilson's interval of none of two
    assertThat(tournament.tables().get(0).pairings().get(0).winRate().high()).isBetween(0.65, 0.66);
  }
}
