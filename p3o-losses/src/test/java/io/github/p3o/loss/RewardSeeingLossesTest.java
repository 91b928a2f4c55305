package io.github.p3o.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Rewards;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The plain policy gradient, PPO on whole responses, and leave-one-out. */
class RewardSeeingLossesTest {

  private static final Path GOLDEN = Path.of("../../shared/data/golden/losses.json");
  private static final double BETA = 0.1;

  private static double[][] draw(SplittableRandom random, int k, int groups, double scale) {
    double[][] values = new double[k][groups];
    for (double[] row : values) {
      for (int g = 0; g < groups; g++) {
        row[g] = (random.nextDouble() - 0.5) * scale;
      }
    }
    return values;
  }

  private static double[][] sum(double[][] a, double[][] b) {
    double[][] sum = new double[a.length][a[0].length];
    for (int i = 0; i < a.length; i++) {
      for (int g = 0; g < a[i].length; g++) {
        sum[i][g] = a[i][g] + b[i][g];
      }
    }
    return sum;
  }

  /** Old and reference log-probabilities, rewards, and log-probabilities a step further. */
  private record Case(double[][] old, double[][] reference, double[][] rewards, double[][] now) {

    static Case of(long seed, int k, int groups) {
      SplittableRandom random = new SplittableRandom(seed);
      double[][] old = draw(random, k, groups, 20);
      return new Case(
          old,
          sum(old, draw(random, k, groups, 2)),
          draw(random, k, groups, 4),
          sum(old, draw(random, k, groups, 1)));
    }

    PairwiseBatch batch() {
      return PairwiseBatch.ofNumbers(LogProbs.of(old), LogProbs.of(reference), Rewards.of(rewards));
    }

    Evaluation evaluate(PolicyLoss loss, double[][] at) {
      return loss.evaluate(batch(), LogProbs.of(at));
    }

    double shaped(int i, int g) {
      return rewards[i][g] - BETA * (old[i][g] - reference[i][g]);
    }

    double meanShaped() {
      double sum = 0;
      for (int i = 0; i < old.length; i++) {
        for (int g = 0; g < old[i].length; g++) {
          sum += shaped(i, g);
        }
      }
      return sum / (old.length * old[0].length);
    }
  }

  static List<PolicyLoss> losses() {
    KlShaping shaping = KlShaping.rollout(BETA);
    return List.of(
        new PolicyGradientLoss(shaping, Baseline.NONE),
        new PolicyGradientLoss(shaping, Baseline.BATCH_MEAN),
        new PpoLoss(0.2, shaping, Baseline.BATCH_MEAN),
        new PpoLoss(Double.POSITIVE_INFINITY, shaping, Baseline.NONE),
        new LeaveOneOutLoss(shaping));
  }

  @TestFactory
  Stream<DynamicTest> ppo_goldenCase_givesItsValueAndGradient() throws Exception {
    assumeTrue(Files.exists(GOLDEN), "needs the optional " + GOLDEN);
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode golden : new ObjectMapper().readTree(GOLDEN.toFile())) {
      if (golden.get("loss").asText().equals("ppo_bandit")) {
        tests.add(DynamicTest.dynamicTest("" + golden.get("options"), () -> check(golden)));
      }
    }
    return tests.stream();
  }

  private static void check(JsonNode golden) {
    JsonNode options = golden.get("options");
    PpoLoss loss =
        new PpoLoss(
            options.get("eps").asDouble(),
            KlShaping.rollout(options.get("beta").asDouble()),
            Baseline.BATCH_MEAN);
    Case c =
        new Case(
            matrix(golden, "old"),
            matrix(golden, "ref"),
            matrix(golden, "reward"),
            matrix(golden, "logp"));
    Evaluation evaluation = c.evaluate(loss, c.now());
    double[][] gradient = matrix(golden, "grad");
    assertEquals(golden.get("value").asDouble(), evaluation.loss(), 1e-10);
    assertArrayEquals(gradient[0], evaluation.gradient()[0], 1e-10);
    assertArrayEquals(gradient[1], evaluation.gradient()[1], 1e-10);
  }

  private static double[][] matrix(JsonNode golden, String field) {
    return new ObjectMapper().convertValue(golden.get(field), double[][].class);
  }

  @ParameterizedTest
  @MethodSource("losses")
  void gradient_isTheFiniteDifferenceOfTheLoss(PolicyLoss loss) {
    Case c = Case.of(3, 3, 5);
    double[][] gradient = c.evaluate(loss, c.now()).gradient();
    double h = 1e-6;
    for (int i = 0; i < 3; i++) {
      for (int g = 0; g < 5; g++) {
        double[][] up = sum(c.now(), new double[3][5]);
        double[][] down = sum(c.now(), new double[3][5]);
        up[i][g] += h;
        down[i][g] -= h;
        double difference = (c.evaluate(loss, up).loss() - c.evaluate(loss, down).loss()) / (2 * h);
        assertEquals(difference, gradient[i][g], 1e-7, "response " + i + " of prompt " + g);
      }
    }
  }

  @Test
  void policyGradient_gradient_isMinusTheAdvantage() {
    Case c = Case.of(4, 2, 6);
    PolicyLoss loss = new PolicyGradientLoss(KlShaping.rollout(BETA), Baseline.BATCH_MEAN);
    double[][] gradient = c.evaluate(loss, c.now()).gradient();
    for (int i = 0; i < 2; i++) {
      for (int g = 0; g < 6; g++) {
        assertEquals(-(c.shaped(i, g) - c.meanShaped()) / 12, gradient[i][g], 1e-12);
      }
    }
  }

  @Test
  void ppo_atTheOldPolicy_hasTheGradientOfThePolicyGradient() {
    Case c = Case.of(5, 2, 7);
    double[][] ppo = c.evaluate(losses().get(2), c.old()).gradient();
    double[][] plain = c.evaluate(losses().get(1), c.old()).gradient();
    assertArrayEquals(plain[0], ppo[0], 1e-12);
    assertArrayEquals(plain[1], ppo[1], 1e-12);
  }

  @Test
  void leaveOneOut_gradient_isThatOfP3oAtTheOldPolicy() {
    for (int k : new int[] {2, 3, 5}) {
      Case c = Case.of(k, k, 4);
      double[][] leaveOneOut = c.evaluate(losses().get(4), c.old()).gradient();
      for (PolicyLoss p3o : List.of(P3OLoss.v1(), P3OLoss.v2())) {
        double[][] pairwise =
            c.evaluate(((P3OLoss) p3o).withKlShaping(KlShaping.rollout(BETA)), c.old()).gradient();
        for (int i = 0; i < k; i++) {
          assertArrayEquals(pairwise[i], leaveOneOut[i], 1e-12);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("losses")
  void gradient_afterAShiftByPrompt_changesButForLeaveOneOut(PolicyLoss loss) {
    Case c = Case.of(6, 2, 8);
    double[][] shifted = sum(c.rewards(), new double[2][8]);
    for (int g = 0; g < 8; g++) {
      shifted[0][g] += 64 * g;
      shifted[1][g] += 64 * g;
    }
    double[] before = c.evaluate(loss, c.now()).gradient()[0];
    Case moved = new Case(c.old(), c.reference(), shifted, c.now());
    double[] after = moved.evaluate(loss, c.now()).gradient()[0];
    double change = 0;
    for (int g = 0; g < 8; g++) {
      change = Math.max(change, Math.abs(after[g] - before[g]));
    }
    if (loss instanceof LeaveOneOutLoss) {
      assertEquals(0, change, 1e-12);
    } else {
      assertTrue(change > 1, "changed by " + change);
    }
  }

  @ParameterizedTest
  @MethodSource("losses")
  void evaluate_extremes_staysFinite(PolicyLoss loss) {
    double[][] old = {{-1e6, 0, -3}, {0, -1e6, -3}};
    double[][] now = {{0, -1e6, -3}, {-1e6, 0, -3}};
    double[][] rewards = {{1e30, -1e30, 0}, {-1e30, 1e30, 0}};
    Case c = new Case(old, old, rewards, now);
    Evaluation evaluation = c.evaluate(loss, now);
    assertTrue(Double.isFinite(evaluation.loss()));
    for (double[] row : evaluation.gradient()) {
      for (double value : row) {
        assertTrue(Double.isFinite(value));
      }
    }
  }

  @Test
  void batchMeanBaseline_withTheCurrentKl_isRefused() {
    Case c = Case.of(7, 2, 2);
    PolicyLoss loss = new PolicyGradientLoss(KlShaping.current(0.1), Baseline.BATCH_MEAN);
    assertThrows(IllegalArgumentException.class, () -> c.evaluate(loss, c.now()));
  }

  @Test
  void clipRange_zero_isRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new PpoLoss(0, KlShaping.rollout(0.1), Baseline.NONE));
  }
}
