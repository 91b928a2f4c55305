package io.github.p3o.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.NonFiniteException;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.PreferenceLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TrainableRewardModel;
import io.github.p3o.internal.Ops;
import io.github.p3o.testing.TabularRewardModel;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;

class RewardModelTrainerTest {

  /** In context 0 more is better; in context 1 less is. */
  private static final List<Comparison> COMPARISONS =
      List.of(
          comparison(0, 2, 1),
          comparison(0, 1, 0),
          comparison(0, 2, 0),
          comparison(1, 0, 1),
          comparison(1, 1, 2));

  private static Comparison comparison(int context, int chosen, int rejected) {
    return new Comparison(Prompt.of(context), Response.of(chosen), Response.of(rejected));
  }

  /** −ln σ(r_w − r_l). */
  private static final class BradleyTerry implements PreferenceLoss {
    @Override
    public String name() {
      return "test";
    }

    @Override
    public LossTerms build(SDVariable chosen, SDVariable rejected) {
      SDVariable difference = Ops.subtract(chosen, rejected);
      return new LossTerms(
          Ops.negate(Ops.logSigmoid(difference)),
          ImmutableMap.of(
              "rewards/accuracies", Ops.isGreater(difference, 0),
              "rewards/chosen", Ops.stopGradient(chosen)));
    }
  }

  private static RewardModelTrainer trainer(TrainableRewardModel model, int atOnce) {
    return new RewardModelTrainer(model, new BradleyTerry(), OptimizerConfig.adamW(0.1), atOnce);
  }

  private static double[] plainMeans(TabularRewardModel model) {
    double loss = 0;
    double accuracy = 0;
    double chosenMean = 0;
    for (Comparison comparison : COMPARISONS) {
      double[] scores = model.parameters().vector().toDoubleVector();
      int row = 3 * comparison.prompt().tokens().get(0);
      double chosen = scores[row + comparison.chosen().tokens().get(0)];
      double rejected = scores[row + comparison.rejected().tokens().get(0)];
      loss += Math.log1p(Math.exp(rejected - chosen)) / 5;
      accuracy += chosen > rejected ? 0.2 : 0;
      chosenMean += chosen / 5;
    }
    return new double[] {loss, accuracy, chosenMean};
  }

  @Test
  void step_manyTimes_ordersTheResponses() {
    try (TabularRewardModel model = new TabularRewardModel(2, 3);
        RewardModelTrainer trainer = trainer(model, 2)) {
      assertThat(trainer.step(COMPARISONS))
          .containsEntry("loss", Math.log(2))
          .containsEntry("rewards/accuracies", 0.0);
      for (int i = 0; i < 100; i++) {
        trainer.step(COMPARISONS);
      }
      assertThat(trainer.evaluate(COMPARISONS).get("rewards/accuracies"))
          .isCloseTo(1, within(1e-15));
      assertThat(trainer.evaluate(COMPARISONS).get("loss")).isLessThan(0.05);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 100})
  void stepAndEvaluate_someAtOnce_giveTheMeansOverAll(int atOnce) {
    try (TabularRewardModel model = new TabularRewardModel(2, 3);
        TabularRewardModel other = new TabularRewardModel(2, 3);
        RewardModelTrainer parts = trainer(model, atOnce);
        RewardModelTrainer whole = trainer(other, 100)) {
      for (int i = 0; i < 4; i++) {
        double[] expected = plainMeans(model);
        for (ImmutableMap<String, Double> means :
            List.of(parts.evaluate(COMPARISONS), parts.step(COMPARISONS))) {
          assertThat(means.keySet())
              .containsExactly("loss", "rewards/accuracies", "rewards/chosen");
          assertThat(means.get("loss")).isCloseTo(expected[0], within(1e-14));
          assertThat(means.get("rewards/accuracies")).isCloseTo(expected[1], within(1e-14));
          assertThat(means.get("rewards/chosen")).isCloseTo(expected[2], within(1e-14));
        }
        whole.step(COMPARISONS);
        assertThat(model.parameters().vector().toDoubleVector())
            .containsExactly(other.parameters().vector().toDoubleVector(), within(1e-12));
      }
    }
  }

  @Test
  void step_noComparisons_isRefused() {
    try (TabularRewardModel model = new TabularRewardModel(2, 3);
        RewardModelTrainer trainer = trainer(model, 2)) {
      assertThatThrownBy(() -> trainer.step(List.of()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("comparisons: expected at least one, got none");
      assertThatThrownBy(() -> trainer.evaluate(List.of()))
          .hasMessage("comparisons: expected at least one, got none");
      assertThatThrownBy(() -> trainer(model, 0))
          .hasMessage("comparisonsAtOnce: expected at least 1, got 0");
    }
  }

  @Test
  void step_nonFiniteScore_leavesTheModelAsItWas() {
    try (TabularRewardModel model = new TabularRewardModel(2, 3);
        RewardModelTrainer trainer = trainer(model, 2)) {
      model.parameters().update(vector -> vector.putScalar(2, Double.NaN));
      assertThatThrownBy(() -> trainer.step(COMPARISONS))
          .isInstanceOf(NonFiniteException.class)
          .hasMessage("loss: expected a finite value, got NaN; the parameters are unchanged");
      assertThat(model.parameters().vector().getDouble(0)).isZero();
      model.parameters().update(vector -> vector.putScalar(2, 0));
      trainer.step(COMPARISONS);
    }
  }
}
