package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.Evaluation;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.PolicyLoss;
import io.github.p3o.internal.MeanLoss;
import io.github.p3o.internal.PlainLoss;
import io.github.p3o.internal.Program;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** On plain numbers, all lanes at once give what the graph gives op by op. */
class PlainLossTest {

  static Stream<PolicyLoss> losses() {
    return Stream.concat(
        Cases.variants().stream().map(Cases.Objective::loss),
        RewardSeeingLossesTest.losses().stream());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("losses")
  void evaluate_allLanesAtOnce_equalsOpByOp(PolicyLoss loss) {
    for (int k = 2; k <= 3; k++) {
      Cases.Case data = Cases.random(k, k, 301, 3);
      double klScale = k == 2 ? 1 : 0.3;
      try (PlainLoss plain = new PlainLoss(loss, k, 301);
          Program program = plain.program(loss, 301)) {
        assertThat(plain.isPointwise() || (k > 2 && !(loss instanceof PairwiseLoss))).isTrue();
        Evaluation ours = plain.evaluate(data.batch(), data.now(), klScale);
        Evaluation theirs =
            plain.evaluate(program, new MeanLoss(301), data.batch(), data.now(), klScale);
        double size = Math.max(1, Math.abs(theirs.loss()));
        assertThat(ours.loss()).isCloseTo(theirs.loss(), within(1e-13 * size));
        assertThat(ours.statistics().diagnostics().keySet())
            .isEqualTo(theirs.statistics().diagnostics().keySet());
        assertThat(ours.statistics())
            .usingRecursiveComparison()
            .ignoringFields("diagnostics")
            .withComparatorForType((a, b) -> Math.abs(a - b) <= 1e-13 * b ? 0 : 1, Double.class)
            .isEqualTo(theirs.statistics());
        ours.statistics()
            .diagnostics()
            .forEach(
                (name, value) ->
                    assertThat(value)
                        .as(name)
                        .isCloseTo(theirs.statistics().diagnostics().get(name), within(1e-12)));
        for (int i = 0; i < k; i++) {
          for (int g = 0; g < 301; g++) {
            double expected = theirs.gradient()[i][g];
            assertThat(ours.gradient()[i][g])
                .isCloseTo(expected, within(1e-14 * Math.max(1, Math.abs(expected))));
          }
        }
      }
    }
  }
}
