package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class PermutationTestTest {

  @Test
  void of_groupsOfDifferentSize_countsAllWaysAtLeastSoFarApart() {
    PermutationTest test =
        PermutationTest.of(new double[] {0.31, 0.42, 0.55, 0.12, 0.4, 0.2, 0.33}, 3);

    assertThat(test.pValue()).isCloseTo(6 / 35.0, within(1e-15)); // itertools.combinations
    assertThat(test.smallest()).isCloseTo(1 / 35.0, within(1e-15));
  }

  @Test
  void of_equalValues_isOne() {
    assertThat(PermutationTest.of(new double[] {0.1, 0.1, 0.1, 0.1}, 2).pValue()).isEqualTo(1);
    assertThat(PermutationTest.of(new double[] {0, 0}, 1).pValue()).isEqualTo(1);
  }

  @Test
  void of_manyRuns_drawsTheWaysAndIsCloseToTheExactShare() {
    // 20 choose 10 = 184,756 ways are counted; 22 choose 11 = 705,432 are drawn
    SplittableRandom random = new SplittableRandom(3);
    double[] values = random.doubles(22).toArray();
    for (int i = 0; i < 11; i++) {
      values[i] += 0.25;
    }

    PermutationTest test = PermutationTest.of(values, 11);

    assertThat(test.pValue()).isEqualTo(PermutationTest.of(values, 11).pValue());
    assertThat(test.smallest()).isEqualTo(1 / 200_000.0);
    assertThat(test.pValue()).isBetween(0.0005, 0.5);
  }

  @Test
  void of_manyRunsFarApart_isTheLeastThatDrawingCanGive() {
    double[] values = new double[22];
    Arrays.fill(values, 0, 11, 1);

    // 2 of 705,432 ways are so far apart, and none of 199,999 draws must be for p to be above 0
    assertThat(PermutationTest.of(values, 11).pValue()).isBetween(1 / 200_000.0, 5 / 200_000.0);
  }

  @Property(tries = 100)
  void of_aFairTest_rejectsNoMoreOftenThanItSays(@ForAll @IntRange(min = 0, max = 3) int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int rejected = 0;
    for (int i = 0; i < 400; i++) {
      double[] values = random.doubles(8).toArray();
      rejected += PermutationTest.of(values, 4).pValue() <= 0.06 ? 1 : 0; // 2 or 4 of 70
    }

    assertThat(rejected).isLessThanOrEqualTo(44); // 5.7 % of 400, and 4.5 standard errors
  }

  @Property(tries = 200)
  void pValue_isAShareThatIsNoSmallerThanPossible(
      @ForAll @Size(min = 2, max = 9) List<@DoubleRange(min = -1, max = 1) Double> values,
      @ForAll @IntRange(min = 1, max = 8) int split) {
    int first = Math.min(split, values.size() - 1);
    double[] all = values.stream().mapToDouble(Double::doubleValue).toArray();

    PermutationTest test = PermutationTest.of(all, first);

    assertThat(test.pValue()).isBetween(test.smallest() - 1e-15, 1.0);
  }

  @Test
  void holm_multipliesStepByStep_andNeverFalls() {
    // by R's p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.5), "holm"), its rule done by hand
    assertThat(PermutationTest.holm(0.01, 0.04, 0.03, 0.005, 0.5))
        .containsExactly(new double[] {0.04, 0.09, 0.09, 0.025, 0.5}, within(1e-15));
    assertThat(PermutationTest.holm(0.9, 0.8)).containsExactly(1.0, 1.0);
    assertThat(PermutationTest.holm()).isEmpty();
  }
}
