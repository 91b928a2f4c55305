package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.PairVariables;
import io.github.p3o.internal.KlScale;
import io.github.p3o.internal.MeanLoss;
import io.github.p3o.internal.Program;
import io.github.p3o.loss.P3OLoss;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Value and gradient of P3O as a graph, float64: inputs lie in the backend's memory before the
 * clock starts, and the gradients stay there. Within a policy's graph the loss runs so; plain
 * numbers go another way ({@link io.github.p3o.LossEvaluator}).
 */
final class GraphPairs implements AutoCloseable {

  private static final ImmutableList<String> NOW = ImmutableList.of("s1", "s2");
  private static final ImmutableList<String> NAMES =
      ImmutableList.of("s1", "s2", "o1", "o2", "f1", "f2", "d");

  private final Program program;
  private final ImmutableMap<String, INDArray> inputs;

  GraphPairs(P3OLoss loss, PairNumbers numbers) {
    int pairs = numbers.now()[0].length;
    SameDiff graph = SameDiff.create();
    NAMES.forEach(name -> graph.placeHolder(name, DataType.DOUBLE, pairs));
    MeanLoss.addTo(
        loss.build(
            new PairVariables(
                graph.getVariable("s1"),
                graph.getVariable("s2"),
                graph.getVariable("o1"),
                graph.getVariable("o2"),
                graph.getVariable("f1"),
                graph.getVariable("f2"),
                graph.getVariable("d"))));
    program =
        Program.withGradient(graph, MeanLoss.LOSS, NOW, ImmutableList.of()).readingInPlace(NAMES);
    double[] difference =
        IntStream.range(0, pairs)
            .mapToDouble(i -> numbers.rewards()[0][i] - numbers.rewards()[1][i])
            .toArray();
    Map<String, INDArray> arrays = new HashMap<>(new MeanLoss(pairs).feed());
    KlScale.feed(arrays, 1);
    arrays.put("s1", Nd4j.createFromArray(numbers.now()[0]));
    arrays.put("s2", Nd4j.createFromArray(numbers.now()[1]));
    arrays.put("o1", Nd4j.createFromArray(numbers.old()[0]));
    arrays.put("o2", Nd4j.createFromArray(numbers.old()[1]));
    arrays.put("f1", Nd4j.createFromArray(numbers.reference()[0]));
    arrays.put("f2", Nd4j.createFromArray(numbers.reference()[1]));
    arrays.put("d", Nd4j.createFromArray(difference));
    inputs = ImmutableMap.copyOf(arrays);
  }

  /** One forward and backward pass; the loss, which waits for it. */
  double step() {
    INDArray loss = program.run(inputs).get(MeanLoss.LOSS);
    if (loss == null) {
      throw new IllegalStateException("expected a loss, got none");
    }
    return loss.getDouble(0);
  }

  /** ∂L/∂s {@code [2][pairs]}. */
  double[][] gradient() {
    return NOW.stream()
        .map(name -> program.run(inputs).get(Program.gradientOf(name)))
        .map(array -> array == null ? new double[0] : array.toDoubleVector())
        .toArray(double[][]::new);
  }

  @Override
  public void close() {
    program.close();
    inputs.values().forEach(INDArray::close);
  }
}
