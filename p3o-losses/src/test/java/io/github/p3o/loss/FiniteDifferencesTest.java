package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertGradient;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.Doubles;
import io.github.p3o.Evaluation;
import io.github.p3o.PolicyLoss;
import io.github.p3o.loss.Cases.Case;
import io.github.p3o.loss.Cases.Objective;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Gradients against differences of the loss in float64, detached terms held. */
class FiniteDifferencesTest {

  @TestFactory
  Stream<DynamicTest> gradient_withDetachedTermsHeld_isThatOfDifferences() {
    return DynamicTest.stream(
        Cases.variants().stream(),
        Objective::toString,
        objective -> {
          assertDifferences(objective.loss(), Cases.random(5, 2, 6, 0.4));
          assertDifferences(objective.loss(), Cases.random(6, 2, 6, 3));
        });
  }

  @TestFactory
  Stream<DynamicTest> gradient_ofThreeResponses_isThatOfDifferences() {
    return DynamicTest.stream(
        Cases.objectives(KlShaping.current(0.1)).stream(),
        Objective::toString,
        objective -> assertDifferences(objective.loss(), Cases.random(7, 3, 3, 1)));
  }

  private static void assertDifferences(PolicyLoss loss, Case c) {
    Evaluation evaluation = c.evaluate(loss);
    try (FrozenLoss frozen = new FrozenLoss(loss, c)) {
      double[] now = c.now().values().toArray();

      assertThat(frozen.at(now))
          .isCloseTo(evaluation.loss(), within(1e-12 * Math.max(1, Math.abs(evaluation.loss()))));
      assertGradient(loss.name(), frozen::at, now, Doubles.concat(evaluation.gradient()), 1e-9);
    }
  }

  @Test
  void frozenLoss_ofAnImportanceWeight_holdsIt() {
    // one pair, Δ = 2, ρ₁ρ₂ = e: held, the loss is −½ · 2e (s₁ − s₂), linear in s
    Case c =
        Cases.of(
            2, new double[] {-2, -3}, new double[] {-1, -3}, new double[2], new double[] {2, 0});
    PolicyLoss loss =
        PairwisePolicyGradientLoss.importanceSampled().withKlShaping(KlShaping.rollout(0));
    try (FrozenLoss frozen = new FrozenLoss(loss, c)) {
      assertThat(frozen.at(new double[] {-1, -3})).isCloseTo(-2 * Math.E, within(1e-14));
      assertThat(frozen.at(new double[] {9, -3})).isCloseTo(-12 * Math.E, within(1e-13));
    }
  }
}
