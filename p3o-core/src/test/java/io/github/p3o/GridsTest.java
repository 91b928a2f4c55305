package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Doubles;
import com.google.common.primitives.Ints;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** {@link LogProbs} and {@link Rewards}: the same rules, two types. */
class GridsTest {

  @Test
  void of_rows_liesOneResponseAfterTheOther() {
    LogProbs logProbs = LogProbs.of(new double[] {-1, -2, -3}, new double[] {-4, -5, -6});

    assertThat(logProbs.responses()).isEqualTo(2);
    assertThat(logProbs.groups()).isEqualTo(3);
    assertThat(logProbs.values().toArray()).containsExactly(-1, -2, -3, -4, -5, -6);
    assertThat(logProbs.get(1, 0)).isEqualTo(-4);
    assertThat(logProbs.row(1)).containsExactly(-4, -5, -6);
    assertThat(logProbs).isEqualTo(LogProbs.ofFlat(2, new double[] {-1, -2, -3, -4, -5, -6}));
  }

  @Test
  void of_rowsOfUnequalLength_isRefused() {
    assertThatThrownBy(() -> LogProbs.of(new double[3], new double[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logProbs[1]: expected length 3 as of the first, got 2");
    assertThatThrownBy(() -> Rewards.of(new double[1], new double[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewards[1]: expected length 1 as of the first, got 2");
    assertThatThrownBy(() -> Rewards.of())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewards: expected at least 1 array, got none");
  }

  @Test
  void ofPrompts_aPromptAfterTheOther_isTheGridOfTheirResponses() {
    double[][] prompts = {{-1, -4}, {-2, -5}, {-3, -6}};

    assertThat(LogProbs.ofPrompts(prompts))
        .isEqualTo(LogProbs.of(new double[] {-1, -2, -3}, new double[] {-4, -5, -6}));
    assertThat(Rewards.ofPrompts(prompts))
        .isEqualTo(Rewards.of(new double[] {-1, -2, -3}, new double[] {-4, -5, -6}));
    Evaluation evaluation =
        new Evaluation(
            0,
            new double[][] {{-1, -2, -3}, {-4, -5, -6}},
            new PairStatistics(1, 1, 1, 6, 0, 0, ImmutableMap.of()));
    assertThat(evaluation.gradientOfPrompts()).isDeepEqualTo(prompts);
    assertThat(evaluation).asString().startsWith("loss 0.0, PairStatistics[ratioMean=1.0,");
  }

  @Test
  void ofPrompts_ofUnequalNumbersOfResponses_isRefused() {
    assertThatThrownBy(() -> Rewards.ofPrompts(new double[3], new double[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewards[1]: expected length 3 as of the first, got 2");
    assertThatThrownBy(() -> LogProbs.ofPrompts())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logProbs: expected at least 1 array, got none");
  }

  @Test
  @SuppressWarnings("NullAway") // as a caller without NullAway would
  void of_null_isRefusedWithItsPlace() {
    assertThatThrownBy(() -> Rewards.of(new double[3], null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewards[1]: expected an array, got null");
    assertThatThrownBy(() -> LogProbs.ofPrompts(null, new double[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logProbs[0]: expected an array, got null");
  }

  @Test
  void ofFlat_lengthThatIsNoMultiple_isRefused() {
    assertThatThrownBy(() -> Rewards.ofFlat(2, new double[5]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewards: expected a multiple of 2 values, got 5");
    assertThatThrownBy(() -> LogProbs.ofFlat(0, new double[0]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logProbs.responses: expected at least 1, got 0");
  }

  @Test
  void of_valueThatIsNotFinite_isRefusedWithItsPlace() {
    for (double bad :
        new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
      assertThatThrownBy(() -> Rewards.of(new double[] {1, 2}, new double[] {3, bad}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("rewards: expected finite values, got " + bad + " for response 1 of pair 1");
      assertThatThrownBy(() -> LogProbs.of(new double[] {bad}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("logProbs: expected finite values, got " + bad);
    }
  }

  @Test
  void get_placeOutsideTheGrid_isRefusedAndNotReadFromTheNextRow() {
    LogProbs logProbs = LogProbs.of(new double[] {-1, -2}, new double[] {-3, -4});
    Rewards rewards = Rewards.of(new double[] {1, 2}, new double[] {3, 4});

    assertThatThrownBy(() -> logProbs.get(0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessage("group: expected from 0 to 1, got 2");
    assertThatThrownBy(() -> logProbs.get(2, 0))
        .hasMessage("response: expected from 0 to 1, got 2");
    assertThatThrownBy(() -> rewards.get(1, -1))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessage("group: expected from 0 to 1, got -1");
    assertThatThrownBy(() -> rewards.select(2))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessage("group: expected from 0 to 1, got 2");
  }

  @Test
  void grids_keepNoReferenceToTheirArguments() {
    double[] row = {1, 2};
    Rewards rewards = Rewards.of(row, row);
    row[0] = 9;
    rewards.row(0)[1] = 9;

    assertThat(rewards.values().toArray()).containsExactly(1, 2, 1, 2);
  }

  @Property(tries = 100)
  void select_anyColumns_takesThemFromEveryRow(
      @ForAll @Size(12) List<@DoubleRange(min = -9, max = 9) Double> values,
      @ForAll @Size(min = 1, max = 6) List<@IntRange(max = 3) Integer> columns) {
    double[] flat = Doubles.toArray(values);
    int[] groups = Ints.toArray(columns);
    LogProbs selected = LogProbs.ofFlat(3, flat).select(groups);
    Rewards rewards = Rewards.ofFlat(3, flat).select(groups);

    assertThat(selected.groups()).isEqualTo(groups.length);
    for (int response = 0; response < 3; response++) {
      for (int g = 0; g < groups.length; g++) {
        assertThat(selected.get(response, g)).isEqualTo(flat[response * 4 + groups[g]]);
        assertThat(rewards.get(response, g)).isEqualTo(flat[response * 4 + groups[g]]);
      }
    }
  }
}
