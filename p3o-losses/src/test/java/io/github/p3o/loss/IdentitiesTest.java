package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Rewards;
import io.github.p3o.loss.Cases.Case;
import io.github.p3o.loss.Cases.Objective;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** What holds for any pairs: docs/maths.md, the identities by their numbers there. */
class IdentitiesTest {

  private static final double INFINITY = Double.POSITIVE_INFINITY;
  private static final KlShaping ROLLOUT = KlShaping.rollout(0.05);

  private static final ImmutableList<Objective> OBJECTIVES =
      ImmutableList.<Objective>builder()
          .addAll(Cases.objectives(ROLLOUT))
          .add(Cases.v1(0.2, 10, KlShaping.current(0.25)))
          .build();

  private static final ImmutableList<Objective> WITHOUT_KL = Cases.objectives(KlShaping.rollout(0));

  private static final ImmutableList<PolicyLoss> WITHOUT_KL_OR_BOUNDS =
      ImmutableList.of(
          PairwisePolicyGradientLoss.onPolicy().withKlShaping(KlShaping.rollout(0)),
          PairwisePolicyGradientLoss.importanceSampled().withKlShaping(KlShaping.rollout(0)));

  private static final PolicyLoss PPG = PairwisePolicyGradientLoss.onPolicy();
  private static final PolicyLoss IMPORTANCE = PairwisePolicyGradientLoss.importanceSampled();
  private static final PolicyLoss OPEN_V1 =
      P3OLoss.v1().withClipRange(INFINITY).withWeightClip(INFINITY);
  private static final PolicyLoss OPEN_V2 =
      P3OLoss.v2().withClipRange(INFINITY).withWeightClip(INFINITY);
  private static final PolicyLoss V1 = P3OLoss.v1();
  private static final PolicyLoss V2 = P3OLoss.v2();

  @Provide
  Arbitrary<Case> cases() {
    return Cases.cases();
  }

  /** Rewards changed one by one. */
  private static Case withRewards(Case c, DoubleUnaryOperator change) {
    double[] rewards = c.batch().rewards().values().stream().map(change).toArray();
    return c.withRewards(Rewards.ofFlat(c.now().responses(), rewards));
  }

  private static Case shifted(Case c, double... byGroup) {
    double[] rewards = c.batch().rewards().values().toArray();
    int groups = c.now().groups();
    Arrays.setAll(rewards, i -> rewards[i] + byGroup[i % groups]);
    return c.withRewards(Rewards.ofFlat(c.now().responses(), rewards));
  }

  private static void assertSame(Evaluation expected, Evaluation actual, double tolerance) {
    assertThat(actual.loss())
        .isCloseTo(expected.loss(), within(tolerance * Math.max(1, Math.abs(expected.loss()))));
    assertSameGradient(expected, actual, tolerance);
  }

  private static void assertSameGradient(Evaluation expected, Evaluation actual, double tolerance) {
    for (int i = 0; i < expected.gradient().length; i++) {
      assertClose("gradient " + i, expected.gradient()[i], actual.gradient()[i], tolerance);
    }
  }

  // 1

  @Property(tries = 60)
  void shift_exactInFloat64_changesNotOneBit(
      @ForAll("cases") Case c,
      @ForAll @Size(4) List<@IntRange(min = -65536, max = 65536) Integer> shifts) {
    double[] shift = shifts.stream().mapToDouble(i -> i / 4.0).toArray();
    for (Objective objective : OBJECTIVES) {
      assertSame(c.evaluate(objective.loss()), shifted(c, shift).evaluate(objective.loss()), 0);
    }
  }

  @Property(tries = 60)
  void shift_ofAnySize_changesNoMoreThanItsOwnRounding(
      @ForAll("cases") Case c,
      @ForAll @Size(4) List<@DoubleRange(min = -1000, max = 1000) Double> shifts) {
    double[] shift = shifts.stream().mapToDouble(d -> d).toArray();
    for (Objective objective : OBJECTIVES) {
      if (objective.loss() instanceof OnlineDpoLoss && hasTies(c)) {
        continue; // a rounded shift may part what was tied
      }
      assertSame(c.evaluate(objective.loss()), shifted(c, shift).evaluate(objective.loss()), 1e-9);
    }
  }

  private static boolean hasTies(Case c) {
    return c.evaluate(V1).statistics().ties() > 0;
  }

  // 2

  @Property(tries = 60)
  void gradient_atTheOldPolicy_isThatOfThePolicyGradient(@ForAll("cases") Case c) {
    Case unmoved = new Case(c.batch(), c.batch().oldLogProbs());
    Evaluation ppg = unmoved.evaluate(PPG);
    for (PolicyLoss loss : List.of(V1, V2, IMPORTANCE)) {
      assertSameGradient(ppg, unmoved.evaluate(loss), 1e-13);
    }
  }

  @Property(tries = 60)
  void gradient_withoutBounds_isImportanceSampled(@ForAll("cases") Case c) {
    Evaluation importance = c.evaluate(IMPORTANCE);

    assertSameGradient(importance, c.evaluate(OPEN_V1), 1e-13);
    assertSameGradient(importance, c.evaluate(OPEN_V2), 1e-13);
  }

  // 3

  @Property(tries = 60)
  void exchange_ofTheResponses_exchangesTheGradientAlone(@ForAll("cases") Case c) {
    int k = c.now().responses();
    for (Objective objective : OBJECTIVES) {
      Evaluation before = c.evaluate(objective.loss());
      Evaluation after = reversed(c).evaluate(objective.loss());

      assertThat(after.loss()).isCloseTo(before.loss(), within(1e-12 * magnitude(before)));
      for (int i = 0; i < k; i++) {
        assertClose("row " + i, before.gradient()[i], after.gradient()[k - 1 - i], 1e-12);
      }
    }
  }

  private static double magnitude(Evaluation evaluation) {
    return Math.max(1, Math.abs(evaluation.loss()));
  }

  private static Case reversed(Case c) {
    int k = c.now().responses();
    return Cases.of(
        k,
        reversedRows(c.batch().oldLogProbs()),
        reversedRows(c.now()),
        reversedRows(c.batch().referenceLogProbs()),
        reversedRows(LogProbs.ofFlat(k, c.batch().rewards().values().toArray())));
  }

  private static double[] reversedRows(LogProbs rows) {
    return IntStream.iterate(rows.responses() - 1, i -> i >= 0, i -> i - 1)
        .mapToObj(rows::row)
        .flatMapToDouble(Arrays::stream)
        .toArray();
  }

  @Property(tries = 60)
  void scale_ofTheRewardsWithoutKl_scalesLossAndGradient(
      @ForAll("cases") Case c, @ForAll @DoubleRange(min = 0.01, max = 50) double scale) {
    Case scaled = withRewards(c, r -> scale * r);
    for (Objective objective : WITHOUT_KL) {
      Evaluation before = c.evaluate(objective.loss());
      Evaluation after = scaled.evaluate(objective.loss());
      double factor = objective.loss() instanceof OnlineDpoLoss ? 1 : scale; // DPO sees the order
      double tolerance = 1e-12 * Math.max(1, factor) * magnitude(before);

      assertThat(after.loss()).isCloseTo(factor * before.loss(), within(tolerance));
      for (int i = 0; i < before.gradient().length; i++) {
        double[] expected = Arrays.stream(before.gradient()[i]).map(g -> factor * g).toArray();
        assertClose("row " + i, expected, after.gradient()[i], 1e-12);
      }
    }
  }

  // 5

  @Property(tries = 60)
  void gradient_ofAllPairsOnPolicy_isLeaveOneOut(@ForAll("cases") Case c) {
    Case unmoved = new Case(c.batch(), c.batch().oldLogProbs());
    int k = c.now().responses();
    int groups = c.now().groups();
    Rewards r = c.batch().rewards();
    for (PolicyLoss loss : WITHOUT_KL_OR_BOUNDS) {
      double[][] gradient = unmoved.evaluate(loss).gradient();
      for (int g = 0; g < groups; g++) {
        int group = g;
        double sum = IntStream.range(0, k).mapToDouble(i -> r.get(i, group)).sum();
        for (int i = 0; i < k; i++) {
          double meanOfOthers = (sum - r.get(i, g)) / (k - 1);
          double expected = -(r.get(i, g) - meanOfOthers) / k / groups;
          assertThat(gradient[i][g]).isCloseTo(expected, within(1e-12));
        }
      }
    }
  }

  // 6

  @Property(tries = 60)
  void order_ofThePairs_changesNothing(@ForAll("cases") Case c, @ForAll long seed) {
    List<Integer> order = new ArrayList<>();
    IntStream.range(0, c.now().groups()).forEach(order::add);
    Collections.shuffle(order, new Random(seed));
    int[] groups = order.stream().mapToInt(g -> g).toArray();
    for (Objective objective : OBJECTIVES) {
      Evaluation before = c.evaluate(objective.loss());
      Evaluation after = c.select(groups).evaluate(objective.loss());

      assertThat(after.loss()).isCloseTo(before.loss(), within(1e-13 * magnitude(before)));
      for (int i = 0; i < before.gradient().length; i++) {
        double[] row = before.gradient()[i];
        double[] expected = Arrays.stream(groups).mapToDouble(g -> row[g]).toArray();
        assertThat(after.gradient()[i]).containsExactly(expected);
      }
    }
  }
}
