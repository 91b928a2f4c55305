package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertGradient;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Doubles;
import io.github.p3o.PolicyGraph;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import java.util.Arrays;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SftLossTest {

  private static final double[][] LOG_PROBS = {{-1.5, -0.25, -3}, {-2, 0, 0}};
  private static final double[][] MASK = {{1, 1, 1}, {1, 0, 0}};

  /** Mean over response tokens, and its gradient, by the graph; masked as policies mask. */
  private static Map<String, INDArray> evaluate(double[][] raw, double[][] mask) {
    SameDiff graph = SameDiff.create();
    long[] shape = {raw.length, raw[0].length};
    SDVariable input = graph.placeHolder("raw", DataType.DOUBLE, shape);
    SDVariable tokenMask = graph.placeHolder("mask", DataType.DOUBLE, shape);
    SDVariable tokens = Ops.multiply(input, tokenMask);
    PolicyGraph policy = new PolicyGraph(Ops.sum(tokens, 1), tokens, tokenMask);
    double count = Arrays.stream(Doubles.concat(mask)).sum();
    SDVariable each = new SftLoss().build(policy);
    each.rename("each");
    Ops.multiply(Ops.sum(each), 1 / count).rename("loss");
    try (Program program =
        Program.withGradient(graph, "loss", ImmutableList.of("raw"), ImmutableList.of("each"))) {
      ImmutableMap.Builder<String, INDArray> copies = ImmutableMap.builder();
      program
          .run(
              ImmutableMap.of("raw", Nd4j.createFromArray(raw), "mask", Nd4j.createFromArray(mask)))
          .forEach((name, value) -> copies.put(name, value.dup()));
      return copies.buildOrThrow();
    }
  }

  private static double[] gradient(Map<String, INDArray> results) {
    return Result.array(results, Program.gradientOf("raw")).data().asDouble();
  }

  @Test
  void evaluate_ofFourTokens_isTheirMeanCrossEntropy() {
    Map<String, INDArray> results = evaluate(LOG_PROBS, MASK);

    // (1.5 + 0.25 + 3 + 2) / 4, by hand
    assertThat(Result.scalar(results, "loss")).isCloseTo(1.6875, within(1e-10));
    assertThat(gradient(results))
        .containsExactly(new double[] {-0.25, -0.25, -0.25, -0.25, 0, 0}, within(0.0));
    assertThat(Result.array(results, "each").shape()).containsExactly(2, 3);
  }

  @Test
  void gradient_isThatOfDifferences() {
    double[] flat = Doubles.concat(LOG_PROBS);
    assertGradient(
        "tokens",
        x -> -(x[0] + x[1] + x[2] + x[3]) / 4,
        flat,
        gradient(evaluate(LOG_PROBS, MASK)),
        1e-9);
  }

  @Test
  void evaluate_logProbsOfMinusAMillion_isFinite() {
    Map<String, INDArray> results =
        evaluate(new double[][] {{-1e6, 0, -1e300}}, new double[][] {{1, 1, 1}});

    assertThat(Result.scalar(results, "loss")).isCloseTo(1e300 / 3, within(1e287));
    assertThat(gradient(results))
        .containsExactly(new double[] {-1.0 / 3, -1.0 / 3, -1.0 / 3}, within(1e-15));
  }

  @Test
  void evaluate_ofOneToken_isItsCrossEntropy() {
    Map<String, INDArray> results = evaluate(new double[][] {{-0.5}}, new double[][] {{1}});

    assertThat(Result.scalar(results, "loss")).isEqualTo(0.5);
    assertThat(gradient(results)).containsExactly(-1);
  }

  @Property(tries = 30)
  void padding_whateverItHolds_changesNothing(
      @ForAll @DoubleRange(min = -100, max = 0) double first,
      @ForAll @DoubleRange(min = -100, max = 0) double second) {
    double[][] padded = {{-1.5, -0.25, -3}, {-2, first, second}};
    Map<String, INDArray> expected = evaluate(LOG_PROBS, MASK);
    Map<String, INDArray> results = evaluate(padded, MASK);

    assertThat(Result.scalar(results, "loss")).isEqualTo(Result.scalar(expected, "loss"));
    assertThat(gradient(results)).containsExactly(gradient(expected));
  }
}
