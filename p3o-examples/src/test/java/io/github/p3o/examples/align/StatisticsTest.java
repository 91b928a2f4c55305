package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.examples.report.Estimate;
import io.github.p3o.examples.run.TextTable;
import org.junit.jupiter.api.Test;

/** Means, errors, win rates and tables. */
class StatisticsTest {

  @Test
  void estimate_ofValues_isMeanAndStandardError() {
    Estimate estimate = Estimate.of(1, 2, 3, 4);

    assertThat(estimate.mean()).isEqualTo(2.5);
    // s² = 5/3, s/√4
    assertThat(estimate.standardError()).isCloseTo(Math.sqrt(5.0 / 3) / 2, within(1e-12));
    assertThat(estimate.text(2)).isEqualTo("2.50 ± 0.65");
    assertThat(new Estimate(0.931, 0.004, 9).percent()).isEqualTo("93.1 ± 0.4 %");
    assertThat(Estimate.of(-1e-9).text(2)).isEqualTo("0.00");
  }

  @Test
  void winRate_countsTiesAsHalf_andEveryPairingOfAPrompt() {
    Judged mine = judged(1, 0, 0, 0); // [k = 2, prompts = 2]
    Judged other = judged(0, 0, 0, 0);

    // prompt 0: (1, 0) against (0, 0): two wins, two ties; prompt 1: all ties
    assertThat(mine.winRate(other).mean()).isCloseTo((0.75 + 0.5) / 2, within(1e-12));
    assertThat(mine.winRate(mine).mean()).isCloseTo(0.5, within(1e-12));
  }

  /** A prompt that is judged on ten times is one prompt: s/√2 of the two, not of the twenty. */
  @Test
  void mean_ofRepeatedPrompts_hasTheErrorOfTheDifferentOnes() {
    ImmutableList<String> repeated = ImmutableList.of("a", "b", "a", "b", "a");
    Judged mine = judged(repeated, 1, 3, 2, 5, 3);
    Judged other = judged(repeated, 0, 9, 0, 9, 9);

    assertThat(mine.meanReward()).isEqualTo(new Estimate(3, 1, 2)); // of 2 and 4
    assertThat(mine.meanKl().standardError()).isEqualTo(1);
    assertThat(mine.winRate(other).mean()).isCloseTo(1.0 / 3, within(1e-12)); // of ⅔ and 0
    assertThat(mine.winRate(other).standardError()).isCloseTo(1.0 / 3, within(1e-12));
    assertThat(mine.distinctPrompts()).isEqualTo(2);
  }

  @Test
  void mean_ofOnePromptAlone_hasTheErrorOfItsAnswers() {
    Judged judged = judged(ImmutableList.of("a", "a", "a", "a"), 1, 2, 3, 4);

    assertThat(judged.meanReward()).isEqualTo(Estimate.of(1, 2, 3, 4));
    assertThat(judged.winRate(judged).count()).isEqualTo(4);
  }

  private static Judged judged(double... gold) {
    return judged(ImmutableList.of("a", "b"), gold);
  }

  static Judged judged(ImmutableList<String> prompts, double... gold) {
    ImmutableDoubleArray values = ImmutableDoubleArray.copyOf(gold);
    return new Judged(
        prompts,
        values.asList().stream().map(Object::toString).collect(ImmutableList.toImmutableList()),
        values,
        values,
        values,
        values,
        values,
        values);
  }

  @Test
  void textTable_padsColumns() {
    TextTable table = new TextTable("name", "n");
    table.add("a", "10");

    assertThat(table.toString()).isEqualTo("name   n\n----  --\na     10\n");
  }
}
