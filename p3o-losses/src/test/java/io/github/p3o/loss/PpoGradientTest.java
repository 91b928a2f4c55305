package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Doubles;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Gradients;
import io.github.p3o.NonFiniteException;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerActorCritic;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** The gradient of token-wise PPO by the parameters of a language model, in float64. */
class PpoGradientTest {

  private static final DecoderConfig MODEL =
      DecoderConfig.llama(
          9, 16, 24, 2, 4, 2, 24, 1e-5, 10_000, false, OptionalInt.of(1), OptionalInt.of(2));

  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1), Prompt.of(1, 3, 5), Prompt.of(1, 8));

  private static final RewardModel REWARD =
      RewardModel.each((prompt, response) -> Math.sin(response.tokens().hashCode()));

  private final TransformerPolicy reference = TransformerPolicy.random(MODEL, DataType.DOUBLE, 7);
  private final TransformerActorCritic model = model();

  private static TransformerActorCritic model() {
    try (TransformerPolicy policy = TransformerPolicy.random(MODEL, DataType.DOUBLE, 1)) {
      return TransformerActorCritic.fromPolicy(policy);
    }
  }

  @AfterEach
  void close() {
    reference.close();
    model.close();
  }

  private P3OTrainer trainer(PpoConfig config, int promptsAtOnce) {
    return P3OTrainer.builder(model, new TokenPpoLoss(config))
        .prompts(PromptSource.uniform(PROMPTS))
        .sampler(model.policy().sampler(16))
        .reference(reference)
        .rewardModel(REWARD)
        .config(
            TrainerConfig.builder().promptsPerStep(7).promptsPerMicroBatch(promptsAtOnce).build())
        .build();
  }

  /** Value head and weights away from 0 and from their beginnings. */
  private void scatter(double deviation) {
    Random random = new Random(5);
    model
        .parameters()
        .update(
            vector -> {
              for (long i = 0; i < vector.length(); i++) {
                vector.putScalar(i, vector.getDouble(i) + deviation * random.nextGaussian());
              }
            });
  }

  /**
   * REINFORCE: {@code −(1/N) Σ_t (rewards from t on) log π(token t)}, the rewards held, N tokens in
   * all. Log-probabilities of tokens are differences of those of beginnings of the response.
   */
  private static double reinforce(
      PairwiseBatch batch, List<double[]> rewardsToGo, PolicyScorer scorer) {
    double sum = 0;
    int tokens = 0;
    for (int i = 0; i < batch.responses().size(); i++) {
      double[] logProbs = ofTokens(batch, i, scorer);
      for (int t = 0; t < logProbs.length; t++) {
        sum += rewardsToGo.get(i)[t] * logProbs[t];
      }
      tokens += logProbs.length;
    }
    return -sum / tokens;
  }

  private static double[] ofTokens(PairwiseBatch batch, int i, PolicyScorer scorer) {
    ImmutableIntArray tokens = batch.responses().get(i).tokens();
    List<Prompt> prompts = new ArrayList<>();
    List<Response> beginnings = new ArrayList<>();
    for (int length = 1; length <= tokens.length(); length++) {
      prompts.add(batch.promptOfEach().get(i));
      beginnings.add(new Response(tokens.subArray(0, length), false));
    }
    double[] sums = scorer.logProbs(prompts, beginnings);
    double[] each = sums.clone();
    for (int t = 1; t < each.length; t++) {
      each[t] = sums[t] - sums[t - 1];
    }
    return each;
  }

  @Test
  void gradient_undiscountedWithoutValuesBeforeAnyUpdate_isThatOfReinforce() {
    double beta = 0.3;
    PpoConfig plain =
        new PpoConfig()
            .withDiscounts(1, 1)
            .withValueCoefficient(0)
            .withKlCoefficient(beta)
            .withWhitening(Whitening.OFF);
    try (P3OTrainer trainer = trainer(plain, 3);
        PolicyScorer scorer = new PolicyScorer(model, 16);
        PolicyScorer referenceScorer = new PolicyScorer(reference, 16)) {
      PairwiseBatch batch = trainer.rollout(0);
      List<double[]> rewardsToGo = new ArrayList<>();
      for (int i = 0; i < batch.responses().size(); i++) {
        double[] old = ofTokens(batch, i, scorer);
        double[] ref = ofTokens(batch, i, referenceScorer);
        double[] toGo = new double[old.length];
        for (int t = 0; t < toGo.length; t++) {
          toGo[t] = batch.rewards().values().get(i);
          for (int u = t; u < toGo.length; u++) {
            toGo[t] -= beta * (old[u] - ref[u]);
          }
        }
        rewardsToGo.add(toGo);
      }
      double[] gradient;
      try (Gradients gradients = trainer.gradients(batch)) {
        gradient = gradients.vector().toDoubleVector();
      }
      int policyParameters = gradient.length - MODEL.hiddenSize(); // the value head is last
      for (int element : new Random(2).ints(40, 0, policyParameters).toArray()) {
        double step = 1e-4;
        double above = moved(element, step, () -> reinforce(batch, rewardsToGo, scorer));
        double below = moved(element, -step, () -> reinforce(batch, rewardsToGo, scorer));
        assertThat(gradient[element])
            .as("parameter %s", element)
            .isCloseTo((above - below) / (2 * step), within(1e-7));
      }
      assertThat(Doubles.asList(gradient)).anyMatch(g -> Math.abs(g) > 0.01);
    }
  }

  private double moved(int element, double by, DoubleSupplier value) {
    double before = model.parameters().vector().getDouble(element);
    model.parameters().update(vector -> vector.putScalar(element, before + by));
    double result = value.getAsDouble();
    model.parameters().update(vector -> vector.putScalar(element, before));
    return result;
  }

  private static double[] gradient(P3OTrainer trainer, PairwiseBatch batch) {
    try (Gradients gradients = trainer.gradients(batch)) {
      return gradients.vector().toDoubleVector();
    }
  }

  @Test
  void gradient_inPartsOfOtherShapeOrInAnotherOrder_isTheSame() {
    scatter(0.2);
    try (P3OTrainer whole = trainer(new PpoConfig(), 7);
        P3OTrainer parts = trainer(new PpoConfig(), 2)) {
      PairwiseBatch batch = whole.rollout(0);
      scatter(0.02); // ratios and values move
      double[] expected = gradient(whole, batch);

      assertThat(batch.responses().stream().mapToInt(Response::length).distinct().count())
          .isGreaterThan(3);
      assertThat(Doubles.asList(expected)).anyMatch(g -> Math.abs(g) > 0.01);
      assertClose("in parts", expected, gradient(parts, batch), 1e-12);
      assertClose("turned", expected, gradient(whole, batch.select(6, 5, 4, 3, 2, 1, 0)), 1e-12);
    }
  }

  @Test
  void rollout_inOtherParts_hasTheSameTargets() {
    scatter(0.2);
    try (P3OTrainer whole = trainer(new PpoConfig(), 7);
        P3OTrainer parts = trainer(new PpoConfig(), 1)) {
      PairwiseBatch first = whole.rollout(0);
      PairwiseBatch second = parts.rollout(0);
      for (int i = 0; i < 14; i++) {
        assertClose(
            "advantages of response " + i,
            first.targets().get(i).advantages().values().toArray(),
            second.targets().get(i).advantages().values().toArray(),
            1e-12);
      }
    }
  }

  @Test
  void gradients_ofABatchWithoutTargets_areRefused() {
    try (P3OTrainer trainer = trainer(new PpoConfig(), 7)) {
      PairwiseBatch batch = trainer.rollout(0).withTargets(ImmutableList.of());

      assertThatThrownBy(() -> trainer.gradients(batch))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "batch: expected one of P3OTrainer.rollout, with targets of its tokens, got none");
    }
  }

  @Test
  void step_ofValuesThatAreNoNumbers_stopsAndNamesThePair() {
    model
        .parameters()
        .update(vector -> vector.putScalar(vector.length() - 1, Double.NaN)); // the value head
    try (P3OTrainer trainer = trainer(new PpoConfig(), 7)) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessage(
              "value: expected finite values, got NaN at token 0 of response 0 of pair 0;"
                  + " the parameters are unchanged");
    }
  }
}
