package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static io.github.p3o.testing.FiniteDifferences.assertGradient;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Doubles;
import io.github.p3o.Evaluation;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Rewards;
import io.github.p3o.internal.SharedData;
import io.github.p3o.loss.Cases.Case;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The plain policy gradient, PPO on whole responses, and leave-one-out. */
class RewardSeeingLossesTest {

  private static final double BETA = 0.1;
  private static final KlShaping ROLLOUT = KlShaping.rollout(BETA);

  private static final PolicyLoss PLAIN = new PolicyGradientLoss(ROLLOUT, Baseline.NONE);
  private static final PolicyLoss PLAIN_BATCH_MEAN =
      new PolicyGradientLoss(ROLLOUT, Baseline.BATCH_MEAN);
  private static final PolicyLoss PPO = new PpoLoss(0.2, ROLLOUT, Baseline.BATCH_MEAN);
  private static final PolicyLoss PPO_OPEN =
      new PpoLoss(Double.POSITIVE_INFINITY, ROLLOUT, Baseline.NONE);
  private static final PolicyLoss LEAVE_ONE_OUT = new LeaveOneOutLoss(ROLLOUT);

  static ImmutableList<PolicyLoss> losses() {
    return ImmutableList.of(PLAIN, PLAIN_BATCH_MEAN, PPO, PPO_OPEN, LEAVE_ONE_OUT);
  }

  @TestFactory
  Stream<DynamicTest> ppo_goldenCase_givesItsValueAndGradient() throws Exception {
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode golden :
        new ObjectMapper().readTree(SharedData.require("golden/losses.json").toFile())) {
      if (golden.get("loss").asText().equals("ppo_bandit")) {
        tests.add(DynamicTest.dynamicTest("" + golden.get("options"), () -> check(golden)));
      }
    }
    return tests.stream();
  }

  private static void check(JsonNode golden) {
    JsonNode options = golden.get("options");
    PolicyLoss loss =
        new PpoLoss(
            options.get("eps").asDouble(),
            KlShaping.rollout(options.get("beta").asDouble()),
            Baseline.BATCH_MEAN);
    Case c =
        Cases.of(
            2,
            flat(golden, "old"),
            flat(golden, "logp"),
            flat(golden, "ref"),
            flat(golden, "reward"));
    Evaluation evaluation = c.evaluate(loss);

    assertThat(evaluation.loss()).isCloseTo(golden.get("value").asDouble(), within(1e-10));
    assertThat(Doubles.concat(evaluation.gradient()))
        .containsExactly(flat(golden, "grad"), within(1e-10));
  }

  private static double[] flat(JsonNode golden, String field) {
    return Doubles.concat(new ObjectMapper().convertValue(golden.get(field), double[][].class));
  }

  @ParameterizedTest
  @MethodSource("losses")
  void gradient_isTheFiniteDifferenceOfTheLoss(PolicyLoss loss) {
    Case c = Cases.random(3, 3, 5, 0.5);
    try (FrozenLoss frozen = new FrozenLoss(loss, c)) {
      assertGradient(
          loss.name(),
          frozen::at,
          c.now().values().toArray(),
          Doubles.concat(c.evaluate(loss).gradient()),
          1e-9);
    }
  }

  private static double shaped(Case c, int i, int g) {
    double kl = c.batch().oldLogProbs().get(i, g) - c.batch().referenceLogProbs().get(i, g);
    return c.batch().rewards().get(i, g) - BETA * kl;
  }

  @Test
  void policyGradient_gradient_isMinusTheAdvantage() {
    Case c = Cases.random(4, 2, 6, 0.5);
    double mean =
        IntStream.range(0, 12).mapToDouble(i -> shaped(c, i / 6, i % 6)).average().orElseThrow();
    double[][] gradient = c.evaluate(PLAIN_BATCH_MEAN).gradient();
    for (int i = 0; i < 2; i++) {
      for (int g = 0; g < 6; g++) {
        assertThat(gradient[i][g]).isCloseTo(-(shaped(c, i, g) - mean) / 12, within(1e-12));
      }
    }
  }

  private static Case unmoved(Case c) {
    return new Case(c.batch(), c.batch().oldLogProbs());
  }

  private static void assertSameGradient(Case c, PolicyLoss expected, PolicyLoss actual) {
    assertClose(
        actual.name(),
        Doubles.concat(c.evaluate(expected).gradient()),
        Doubles.concat(c.evaluate(actual).gradient()),
        1e-12);
  }

  @Test
  void ppo_atTheOldPolicy_hasTheGradientOfThePolicyGradient() {
    assertSameGradient(unmoved(Cases.random(5, 2, 7, 1)), PLAIN_BATCH_MEAN, PPO);
  }

  @Test
  void leaveOneOut_gradient_isThatOfP3oAtTheOldPolicy() {
    for (int k : new int[] {2, 3, 5}) {
      Case c = unmoved(Cases.random(k, k, 4, 1));
      assertSameGradient(c, P3OLoss.v1().withKlShaping(ROLLOUT), LEAVE_ONE_OUT);
      assertSameGradient(c, P3OLoss.v2().withKlShaping(ROLLOUT), LEAVE_ONE_OUT);
    }
  }

  @ParameterizedTest
  @MethodSource("losses")
  void gradient_afterAShiftByPrompt_changesButForLeaveOneOut(PolicyLoss loss) {
    Case c = Cases.random(6, 2, 8, 0.5);
    double[] rewards = c.batch().rewards().values().toArray();
    Arrays.setAll(rewards, i -> rewards[i] + 64 * (i % 8));
    Case shifted = c.withRewards(Rewards.ofFlat(2, rewards));
    double[] before = c.evaluate(loss).gradient()[0];
    double[] after = shifted.evaluate(loss).gradient()[0];
    double change =
        IntStream.range(0, 8).mapToDouble(g -> Math.abs(after[g] - before[g])).max().orElseThrow();
    if (loss == LEAVE_ONE_OUT) {
      assertThat(change).isLessThan(1e-12);
    } else {
      assertThat(change).isGreaterThan(1);
    }
  }

  @ParameterizedTest
  @MethodSource("losses")
  void evaluate_extremes_staysFinite(PolicyLoss loss) {
    double[] old = {-1e6, 0, -3, 0, -1e6, -3};
    double[] now = {0, -1e6, -3, -1e6, 0, -3};
    double[] rewards = {1e30, -1e30, 0, -1e30, 1e30, 0};
    Evaluation evaluation = Cases.of(2, old, now, old, rewards).evaluate(loss);

    assertThat(evaluation.loss()).isFinite();
    assertThat(Doubles.asList(Doubles.concat(evaluation.gradient()))).allMatch(Double::isFinite);
  }

  @Test
  void batchMeanBaseline_withTheCurrentKl_isRefused() {
    Case c = Cases.random(7, 2, 2, 1);
    PolicyLoss loss = new PolicyGradientLoss(KlShaping.current(0.1), Baseline.BATCH_MEAN);

    assertThatThrownBy(() -> c.evaluate(loss))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("klShaping");
  }

  @Test
  void clipRange_zero_isRefused() {
    assertThatThrownBy(() -> new PpoLoss(0, KlShaping.rollout(0.1), Baseline.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("clipRange: expected > 0, got 0.0");
  }
}
