package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.Evaluation;
import io.github.p3o.loss.Cases.Case;
import org.junit.jupiter.api.Test;

/** What DPO does with ties and what it reports; the rest is tested with the other objectives. */
class OnlineDpoLossTest {

  /** Three pairs: the first response wins, a tie, the second wins. */
  private static Case threePairs() {
    return Cases.of(
        2,
        new double[] {-5, -5, -5, -6, -6, -6},
        new double[] {-3, -3, -3, -6, -6, -6},
        new double[] {-4, -4, -4, -6, -6, -6},
        new double[] {1, 2, 3, 0, 2, 4});
  }

  @Test
  void tie_carriesNoGradientAndIsCounted() {
    Evaluation evaluation = threePairs().evaluate(new OnlineDpoLoss(0.5));

    assertThat(evaluation.gradient()[0][1]).isZero();
    assertThat(evaluation.gradient()[1][1]).isZero();
    assertThat(evaluation.statistics().diagnostics().get("rewards/ties"))
        .isCloseTo(1.0 / 3, within(1e-15));
    assertThat(evaluation.statistics().ties()).isEqualTo(1);
  }

  @Test
  void diagnostics_areOfTheImplicitReward() {
    Evaluation evaluation = threePairs().evaluate(new OnlineDpoLoss(0.5));

    // the lead of the first response is 0.5 · (1 − 0) nats: right once, wrong once
    assertThat(evaluation.statistics().diagnostics().get("rewards/accuracies"))
        .isCloseTo(1.0 / 3, within(1e-15));
    assertThat(evaluation.statistics().diagnostics().get("rewards/margins"))
        .isCloseTo(0, within(1e-15));
  }

  @Test
  void chosenAndRejected_areTheImplicitRewardsOfTheBetterAndTheWorse() {
    Evaluation evaluation =
        Cases.of(
                2,
                new double[] {-5, -5, -5, -6, -6, -6},
                new double[] {-3, -3, -3, -6, -6, -6},
                new double[] {-4, -4, -4, -6, -6, -6},
                new double[] {1, 2, 5, 0, 2, 4})
            .evaluate(new OnlineDpoLoss(0.5));

    // 0.5 · 1 and 0.5 · 0, but for the tie, where both are their mean
    assertThat(evaluation.statistics().diagnostics().get("rewards/chosen"))
        .isCloseTo((0.5 + 0.25 + 0.5) / 3, within(1e-15));
    assertThat(evaluation.statistics().diagnostics().get("rewards/rejected"))
        .isCloseTo((0 + 0.25 + 0) / 3, within(1e-15));
  }

  @Test
  void sureWinner_hasALossThatIsNotLostInRounding() {
    Case sure =
        Cases.of(2, new double[2], new double[] {0, -400}, new double[2], new double[] {1, 0});

    // ln(1 + e⁻⁴⁰) is e⁻⁴⁰, though 1 + e⁻⁴⁰ is 1
    assertThat(sure.evaluate(new OnlineDpoLoss(0.1)).loss())
        .isCloseTo(Math.exp(-40), within(1e-30));
  }
}
