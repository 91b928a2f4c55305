package io.github.p3o.examples.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class KlBudgetsTest {

  private static final KlBudgets BUDGETS = new KlBudgets(4);
  private static final double START = 0.1;

  private static TaskBench.Checkpoint at(double kl, double reward) {
    return new TaskBench.Checkpoint(0, reward, 0, reward, 0, kl, 0, kl, 0, 1);
  }

  private static ImmutableList<TaskBench.Checkpoint> run(TaskBench.Checkpoint... later) {
    return ImmutableList.<TaskBench.Checkpoint>builder().add(at(0, START)).add(later).build();
  }

  @Test
  void score_isTheBestRewardWithinTheBudget_overAllBudgets() {
    // budgets from 0 to 1 have 0.1, to 2 have 0.3, to 4 have 0.5; what fell again is not taken
    ImmutableList<TaskBench.Checkpoint> run = run(at(1, 0.3), at(2, 0.5), at(3, 0.2));

    assertThat(BUDGETS.score(run)).isCloseTo((0.1 + 0.3 + 2 * 0.5) / 4, within(1e-15));
    assertThat(BUDGETS.best(run)).isEqualTo(at(2, 0.5));
  }

  @Test
  void score_takesCheckpointsByKl_notByStep() {
    assertThat(BUDGETS.score(run(at(2, 0.5), at(1, 0.3))))
        .isEqualTo(BUDGETS.score(run(at(1, 0.3), at(2, 0.5))));
  }

  @Test
  void score_beyondTheCap_isTheStarts() {
    assertThat(BUDGETS.score(run(at(4.01, 9)))).isCloseTo(START, within(1e-15));
    assertThat(BUDGETS.best(run(at(4.01, 9)))).isEqualTo(at(0, START));
  }

  @Test
  void score_ofAnEstimateBelow0_countsFromTheFirstBudgetOn() {
    assertThat(BUDGETS.score(run(at(-0.2, 0.7)))).isCloseTo(0.7, within(1e-15));
  }

  @Property
  void score_liesBetweenTheStartAndTheBest(
      @ForAll @Size(max = 6) List<@DoubleRange(min = -1, max = 6) Double> kl,
      @ForAll @Size(6) List<@DoubleRange(min = -2, max = 2) Double> rewards) {
    TaskBench.Checkpoint[] later = new TaskBench.Checkpoint[kl.size()];
    for (int i = 0; i < later.length; i++) {
      later[i] = at(kl.get(i), rewards.get(i));
    }

    assertThat(BUDGETS.score(run(later)))
        .isBetween(START - 1e-12, BUDGETS.best(run(later)).reward() + 1e-12);
  }
}
