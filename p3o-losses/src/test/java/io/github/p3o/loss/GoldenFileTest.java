package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.Rewards;
import io.github.p3o.internal.SharedData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Objectives against values and gradients by PyTorch's autograd in float64, and the same gradients
 * after a shift of both rewards of each pair.
 */
class GoldenFileTest {

  private static final double TOLERANCE = 1e-10;

  @TestFactory
  Stream<DynamicTest> evaluate_goldenCase_givesItsValueAndGradient() throws Exception {
    Path file = SharedData.require("golden/losses.json");
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode golden : new ObjectMapper().readTree(file.toFile())) {
      String name = golden.get("loss").asText();
      if (name.equals("ppo_bandit")) { // no pairwise objective: of single responses
        continue;
      }
      tests.add(
          DynamicTest.dynamicTest(
              name + " " + golden.get("options") + " pairs " + golden.get("logp").get(0).size(),
              () -> check(golden)));
    }
    assertThat(tests).hasSize(42);
    return tests.stream();
  }

  private static void check(JsonNode golden) {
    if (golden.get("loss").asText().equals("btl")) { // "logp" holds the scores, the chosen first
      PreferenceEvaluation evaluation =
          PreferenceEvaluation.of(
              new BradleyTerryLoss(0, 0), row(golden, "logp", 0), row(golden, "logp", 1));
      assertGolden(golden, "grad", evaluation.loss(), evaluation.gradient());
      return;
    }
    double[] shift = new ObjectMapper().convertValue(golden.get("shift"), double[].class);
    Evaluation evaluation = evaluate(golden, new double[shift.length]);
    assertGolden(golden, "grad", evaluation.loss(), evaluation.gradient());
    Evaluation shifted = evaluate(golden, shift);
    assertGolden(golden, "grad_after_shift", shifted.loss(), shifted.gradient());
  }

  private static Evaluation evaluate(JsonNode golden, double[] shift) {
    double[][] reward = {row(golden, "reward", 0), row(golden, "reward", 1)};
    for (double[] row : reward) {
      for (int g = 0; g < row.length; g++) {
        row[g] += shift[g];
      }
    }
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(
            LogProbs.of(row(golden, "old", 0), row(golden, "old", 1)),
            LogProbs.of(row(golden, "ref", 0), row(golden, "ref", 1)),
            Rewards.of(reward));
    return loss(golden)
        .evaluate(batch, LogProbs.of(row(golden, "logp", 0), row(golden, "logp", 1)));
  }

  private static PairwiseLoss loss(JsonNode golden) {
    JsonNode options = golden.get("options");
    double beta = options.get("beta").asDouble();
    boolean current = options.has("kl") && options.get("kl").asText().equals("current");
    KlShaping kl = current ? KlShaping.current(beta) : KlShaping.rollout(beta);
    String name = golden.get("loss").asText();
    return switch (name) {
      case "v1", "v2" ->
          (name.equals("v1") ? P3OLoss.v1() : P3OLoss.v2())
              .withClipRange(options.get("eps").asDouble())
              .withWeightClip(options.get("weight_clip").asDouble())
              .withKlShaping(kl);
      case "ppg" -> PairwisePolicyGradientLoss.onPolicy().withKlShaping(kl);
      case "importance" -> PairwisePolicyGradientLoss.importanceSampled().withKlShaping(kl);
      case "dpo" -> new OnlineDpoLoss(options.get("dpo_beta").asDouble());
      default -> throw new IllegalStateException("an objective that is not known: " + name);
    };
  }

  private static void assertGolden(
      JsonNode golden, String field, double loss, double[][] gradient) {
    assertThat(loss).isCloseTo(golden.get("value").asDouble(), within(TOLERANCE));
    for (int i = 0; i < 2; i++) {
      assertThat(gradient[i]).containsExactly(row(golden, field, i), within(TOLERANCE));
    }
  }

  private static double[] row(JsonNode golden, String field, int row) {
    return new ObjectMapper().convertValue(golden.get(field).get(row), double[].class);
  }
}
