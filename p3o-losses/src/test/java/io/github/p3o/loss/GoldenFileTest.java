package io.github.p3o.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.Rewards;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** P3O-V1 and V2 against values and gradients by PyTorch's autograd in float64. */
class GoldenFileTest {

  private static final Path FILE = Path.of("../../shared/data/golden/losses.json");

  @TestFactory
  Stream<DynamicTest> evaluate_goldenCase_givesItsValueAndGradient() throws Exception {
    assumeTrue(Files.exists(FILE), "needs the optional " + FILE);
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode golden : new ObjectMapper().readTree(FILE.toFile())) {
      String name = golden.get("loss").asText();
      if (name.equals("v1") || name.equals("v2")) {
        tests.add(DynamicTest.dynamicTest(name + " " + golden.get("options"), () -> check(golden)));
      }
    }
    return tests.stream();
  }

  private static void check(JsonNode golden) {
    JsonNode options = golden.get("options");
    double beta = options.get("beta").asDouble();
    boolean current = options.has("kl") && options.get("kl").asText().equals("current");
    PairwiseLoss loss =
        (golden.get("loss").asText().equals("v1") ? P3OLoss.v1() : P3OLoss.v2())
            .withClipRange(options.get("eps").asDouble())
            .withWeightClip(options.get("weight_clip").asDouble())
            .withKlShaping(current ? KlShaping.current(beta) : KlShaping.rollout(beta));
    double[][] reward = matrix(golden, "reward");
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(
            LogProbs.of(matrix(golden, "old")),
            LogProbs.of(matrix(golden, "ref")),
            Rewards.of(reward));
    Evaluation evaluation = loss.evaluate(batch, LogProbs.of(matrix(golden, "logp")));
    double[][] gradient = matrix(golden, "grad");
    assertEquals(golden.get("value").asDouble(), evaluation.loss(), 1e-10);
    assertArrayEquals(gradient[0], evaluation.gradient()[0], 1e-10);
    assertArrayEquals(gradient[1], evaluation.gradient()[1], 1e-10);
  }

  private static double[][] matrix(JsonNode golden, String field) {
    return new ObjectMapper().convertValue(golden.get(field), double[][].class);
  }
}
