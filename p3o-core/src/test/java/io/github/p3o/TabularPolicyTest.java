package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import io.github.p3o.testing.FiniteDifferences;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class TabularPolicyTest {

  private static final double[][] LOGITS = {{0.5, -1, 2}, {0, 0, 0}, {-30, 700, 700}};
  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(0), Prompt.of(1), Prompt.of(2), Prompt.of(0));
  private static final ImmutableList<Response> RESPONSES =
      ImmutableList.of(Response.of(2), Response.of(0), Response.of(1), Response.of(0));

  /** log softmax(LOGITS[x])[y], with Java's own arithmetic. */
  private static double logProb(double[] logits, int choice) {
    double max = Arrays.stream(logits).max().orElseThrow();
    return logits[choice] - max - Math.log(Arrays.stream(logits).map(l -> Math.exp(l - max)).sum());
  }

  private static double[] logProbs(TabularPolicy policy, double[][] logits) {
    BatchShape shape = policy.shape(PROMPTS, RESPONSES);
    PolicyGraph graph = policy.build(shape);
    String name = graph.logProbs().name();
    String tokens = graph.tokenLogProbs().name();
    try (Program program =
        Program.forward(graph.graph(), List.of("logits"), List.of(name, tokens))) {
      Map<String, INDArray> results =
          program.run(
              ImmutableMap.<String, INDArray>builder()
                  .putAll(policy.feed(shape, PROMPTS, RESPONSES))
                  .put("logits", Nd4j.createFromArray(logits))
                  .buildOrThrow());
      double[] values = Result.array(results, name).toDoubleVector();
      assertThat(Result.array(results, tokens).shape()).containsExactly(4, 1);
      assertThat(Result.array(results, tokens).reshape(4).toDoubleVector()).containsExactly(values);
      return values;
    }
  }

  @Test
  void build_anyContextAndChoice_isTheLogSoftmax() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS)) {
      assertThat(logProbs(policy, LOGITS))
          .containsExactly(
              new double[] {
                logProb(LOGITS[0], 2), -Math.log(3), -Math.log(2), logProb(LOGITS[0], 0)
              },
              within(1e-12));
    }
  }

  @Test
  void build_logProbs_haveTheGradientOfDifferences() {
    double[] weights = {0.7, -1.3, 0.4, 2.1};
    try (TabularPolicy policy = TabularPolicy.of(LOGITS)) {
      BatchShape shape = policy.shape(PROMPTS, RESPONSES);
      PolicyGraph policyGraph = policy.build(shape);
      SameDiff graph = policyGraph.graph();
      Ops.sum(
              Ops.multiply(
                  policyGraph.logProbs(), graph.placeHolder("weights", DataType.DOUBLE, 4)))
          .rename("loss");
      try (Program program = Program.withGradient(graph, "loss", List.of("logits"), List.of())) {
        Map<String, INDArray> results =
            program.run(
                ImmutableMap.<String, INDArray>builder()
                    .putAll(policy.feed(shape, PROMPTS, RESPONSES))
                    .putAll(policy.parameters().asMap())
                    .put("weights", Nd4j.createFromArray(weights))
                    .buildOrThrow());
        FiniteDifferences.assertGradient(
            "logits",
            x -> weightedLogProb(x, weights),
            Nd4j.createFromArray(LOGITS).data().asDouble(),
            Result.array(results, Program.gradientOf("logits")).dup().data().asDouble(),
            1e-9);
      }
    }
  }

  private static double weightedLogProb(double[] logits, double[] weights) {
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      int context = PROMPTS.get(i).tokens().get(0);
      double[] row = Arrays.copyOfRange(logits, 3 * context, 3 * context + 3);
      sum += weights[i] * logProb(row, RESPONSES.get(i).tokens().get(0));
    }
    return sum;
  }

  @Test
  void sample_manyTimes_drawsWithTheProbabilitiesAndRecordsThem() {
    int draws = 20_000;
    try (TabularPolicy policy = TabularPolicy.of(LOGITS)) {
      Samples samples =
          policy.sample(ImmutableList.of(Prompt.of(0), Prompt.of(2)), draws, new Random(1));
      int[][] counts = new int[2][3];
      for (int i = 0; i < draws; i++) {
        for (int g = 0; g < 2; g++) {
          int choice = samples.responses().get(2 * i + g).tokens().get(0);
          counts[g][choice]++;
          assertThat(samples.behaviour().get(i, g))
              .isCloseTo(logProb(LOGITS[2 * g], choice), within(1e-12));
        }
      }
      for (int choice = 0; choice < 3; choice++) {
        double p = policy.probabilities(0)[choice];
        double deviation = Math.sqrt(draws * p * (1 - p));
        assertThat((double) counts[0][choice]).isCloseTo(draws * p, within(5 * deviation));
      }
      assertThat(counts[1][0]).isZero(); // e⁻⁷³⁰ is never drawn
    }
  }

  @Test
  void sample_withTheSameSeed_isTheSame() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS)) {
      assertThat(policy.sample(PROMPTS, 3, new Random(5)))
          .isEqualTo(policy.sample(PROMPTS, 3, new Random(5)));
    }
  }

  @Test
  void frozenCopy_afterAnUpdateOfTheOriginal_keepsItsProbabilities() {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 4);
        TabularPolicy frozen = policy.frozenCopy()) {
      policy.parameters().update(vector -> vector.putScalar(0, 5.0));

      assertThat(frozen.probabilities(0)).containsExactly(0.25, 0.25, 0.25, 0.25);
      assertThat(policy.probabilities(0)[0]).isGreaterThan(0.9);
    }
  }

  @Test
  void shape_ofUnknownContextOrChoice_isRefused() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS)) {
      assertThatThrownBy(
              () -> policy.shape(ImmutableList.of(Prompt.of(3)), ImmutableList.of(Response.of(0))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("prompts[0]: expected one id below 3, got [3]");
      assertThatThrownBy(
              () ->
                  policy.shape(ImmutableList.of(Prompt.of(0)), ImmutableList.of(Response.of(0, 1))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("responses[0]: expected one id below 3, got [0, 1]");
    }
  }

  @Test
  void of_badLogits_isRefused() {
    assertThatThrownBy(() -> TabularPolicy.of(new double[0][]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logits: expected at least one context, got none");
    assertThatThrownBy(() -> TabularPolicy.of(new double[][] {{1, 2}, {1}}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logits[1]: expected 2 choices, at least 2, got 1");
    assertThatThrownBy(() -> TabularPolicy.of(new double[][] {{1, Double.NaN}}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("logits[0]: expected finite values, got [1.0, NaN]");
    assertThatThrownBy(() -> TabularPolicy.uniform(0, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("contexts: expected at least 1, got 0");
    assertThatThrownBy(() -> TabularPolicy.uniform(1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("choices: expected at least 2, got 1");
  }
}
