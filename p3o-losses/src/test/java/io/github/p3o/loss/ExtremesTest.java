package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.Doubles;
import io.github.p3o.Evaluation;
import io.github.p3o.Rewards;
import io.github.p3o.loss.Cases.Case;
import io.github.p3o.loss.Cases.Objective;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Inputs where naive formulas overflow, divide by nothing, or have nothing to learn from. */
class ExtremesTest {

  private static Stream<DynamicTest> forEachVariant(Consumer<Objective> test) {
    return DynamicTest.stream(Cases.variants().stream(), Objective::toString, test::accept);
  }

  private static Evaluation evaluateFinite(Objective objective, Case c) {
    Evaluation evaluation = c.evaluate(objective.loss());
    assertThat(evaluation.loss()).isFinite();
    for (double[] row : evaluation.gradient()) {
      assertThat(Doubles.asList(row)).allMatch(Double::isFinite);
    }
    assertThat(evaluation.statistics().diagnostics().values()).allMatch(Double::isFinite);
    return evaluation;
  }

  private static double[] all(int size, double value) {
    double[] values = new double[size];
    Arrays.fill(values, value);
    return values;
  }

  @TestFactory
  Stream<DynamicTest> evaluate_logRatiosOfAMillion_isFiniteAndCountsTheClamps() {
    double far = 1e6;
    double[] now = {far, -far, far, -far, far, -far, -far, far};
    double[] rewards = {1, 1, -1, -1, 0, 0, 2, -2};
    return forEachVariant(
        objective -> {
          Case c = Cases.of(2, new double[8], now, new double[8], rewards);
          assertThat(evaluateFinite(objective, c).statistics().clampedLogRatios()).isEqualTo(8);
        });
  }

  @TestFactory
  Stream<DynamicTest> evaluate_rewardsOf1e30_isFinite() {
    double[] rewards = {1e30, -1e30, 1e30, 1e30, -1e30, 1e30, 1e30, 1};
    return forEachVariant(
        objective -> {
          Case c = Cases.random(1, 2, 4, 3);
          evaluateFinite(
              objective,
              Cases.of(
                  2,
                  c.batch().oldLogProbs().values().toArray(),
                  c.now().values().toArray(),
                  c.batch().referenceLogProbs().values().toArray(),
                  rewards));
          evaluateFinite(
              objective,
              Cases.of(
                  2,
                  new double[4],
                  new double[] {1e6, -1e6, -1e6, 1e6},
                  new double[4],
                  rewards4(rewards)));
        });
  }

  private static double[] rewards4(double[] rewards) {
    return Arrays.copyOf(rewards, 4);
  }

  @TestFactory
  Stream<DynamicTest> evaluate_equalResponsesWithEqualRewards_teachesNothing() {
    return forEachVariant(
        objective -> {
          Case c = Cases.of(2, all(6, -9), all(6, -8.5), all(6, -10), all(6, 3));
          Evaluation evaluation = evaluateFinite(objective, c);

          assertThat(evaluation.gradient()[0]).containsExactly(new double[3], within(0.0));
          assertThat(evaluation.gradient()[1]).containsExactly(new double[3], within(0.0));
          assertThat(evaluation.statistics().ties()).isEqualTo(3);
          double expected = objective.loss() instanceof OnlineDpoLoss ? Math.log(2) : 0;
          assertThat(evaluation.loss()).isCloseTo(expected, within(1e-15));
        });
  }

  @TestFactory
  Stream<DynamicTest> evaluate_tiesOfDifferentResponses_teachTheKlTermAlone() {
    return forEachVariant(
        objective -> {
          Case random = Cases.random(2, 2, 5, 0.1);
          Case tied = random.withRewards(Rewards.ofFlat(2, all(10, -7)));
          double[][] gradient = new double[2][5];
          double value = objective.reference().mean(tied.batch(), tied.now(), gradient);
          Evaluation evaluation = evaluateFinite(objective, tied);

          assertThat(evaluation.loss()).isCloseTo(value, within(1e-12));
          assertClose("first", gradient[0], evaluation.gradient()[0], 1e-12);
          assertClose("second", gradient[1], evaluation.gradient()[1], 1e-12);
          assertThat(evaluation.statistics().ties()).isEqualTo(5);
        });
  }

  @TestFactory
  Stream<DynamicTest> evaluate_onePair_isThatPairsLoss() {
    return forEachVariant(
        objective -> {
          Case c = Cases.random(3, 2, 1, 0.5);
          double[][] gradient = new double[2][1];
          double value = objective.reference().mean(c.batch(), c.now(), gradient);
          Evaluation evaluation = evaluateFinite(objective, c);

          assertThat(evaluation.loss()).isCloseTo(value, within(1e-12));
          assertThat(evaluation.gradient()[0][0]).isCloseTo(gradient[0][0], within(1e-12));
        });
  }

  @TestFactory
  Stream<DynamicTest> evaluate_aMillionPairs_isTheMeanOfAThousandRepeated() {
    int repeats = 1000;
    Case thousand = Cases.random(4, 2, 1000, 1);
    int[] groups = IntStream.range(0, 1000 * repeats).map(i -> i % 1000).toArray();
    Case million = thousand.select(groups);
    return DynamicTest.stream(
        Cases.objectives(KlShaping.rollout(0.05)).stream(),
        Objective::toString,
        o -> {
          Evaluation few = o.loss().evaluate(thousand.batch(), thousand.now());
          Evaluation many = o.loss().evaluate(million.batch(), million.now());

          assertThat(many.loss()).isCloseTo(few.loss(), within(1e-11));
          for (int g = 0; g < groups.length; g += 997) {
            assertThat(many.gradient()[1][g] * repeats)
                .isCloseTo(few.gradient()[1][groups[g]], within(1e-15));
          }
        });
  }
}
