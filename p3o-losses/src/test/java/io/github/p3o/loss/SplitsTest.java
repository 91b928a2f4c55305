package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.Evaluation;
import io.github.p3o.PolicyLoss;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import io.github.p3o.loss.Cases.Case;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Identity 6: how a batch is split for accumulation changes nothing. */
class SplitsTest {

  @TestFactory
  Stream<DynamicTest> unevenParts_addUpToTheWholeBatch() {
    return Stream.of(2, 3)
        .flatMap(
            k ->
                DynamicTest.stream(
                    Cases.losses().stream(),
                    loss -> loss.name() + " of " + k + " responses",
                    loss -> assertSplits(loss, Cases.random(k, k, 11, 1))));
  }

  private static void assertSplits(PolicyLoss loss, Case whole) {
    Evaluation expected = whole.evaluate(loss);
    int k = whole.now().responses();
    double sum = 0;
    int first = 0;
    for (int size : new int[] {1, 7, 3}) {
      Case part = whole.select(IntStream.range(first, first + size).toArray());
      Map<String, INDArray> results = run(loss, part, whole);
      sum += Result.scalar(results, Cases.LOSS);
      double[][] gradient =
          Result.array(results, Program.gradientOf(Cases.NOW)).reshape(k, size).toDoubleMatrix();
      for (int i = 0; i < k; i++) {
        for (int g = 0; g < size; g++) {
          assertThat(gradient[i][g]).isCloseTo(expected.gradient()[i][first + g], within(1e-15));
        }
      }
      first += size;
    }

    assertThat(sum).isCloseTo(expected.loss(), within(1e-13));
  }

  private static ImmutableMap<String, INDArray> run(PolicyLoss loss, Case part, Case whole) {
    try (Program program =
        Program.withGradient(
            Cases.graph(loss, part), Cases.LOSS, ImmutableList.of(Cases.NOW), ImmutableList.of())) {
      ImmutableMap.Builder<String, INDArray> copies = ImmutableMap.builder();
      program.run(Cases.feed(part, whole)).forEach((name, value) -> copies.put(name, value.dup()));
      return copies.buildOrThrow();
    }
  }
}
