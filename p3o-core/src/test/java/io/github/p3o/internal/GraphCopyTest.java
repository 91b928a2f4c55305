package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.testing.FiniteDifferences;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDIndex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Gradients by a copy of a graph are those of finite differences of the graph itself. */
class GraphCopyTest {

  private static final int SIZE = 3; // square, so that a wrong axis would have the right shape

  @TempDir Path directory;

  private static final int[][] IDS = {{2, 0}, {0, 1}, {1, 1}};
  private static final int[] LABELS = {2, 0, 1};

  /** Ops as a host writes them, with settings that are not their defaults. */
  private interface HostOp {
    SDVariable on(SameDiff graph, SDVariable x);
  }

  private static Arguments op(String name, HostOp op) {
    return Arguments.of(name, op);
  }

  static Stream<Arguments> ops() {
    return Stream.of(
        op("gather, axis 1", (g, x) -> g.gather(x, new int[] {2, 0, 0}, 1)),
        op("gather, axis 0", (g, x) -> g.gather(x, new int[] {2, 0, 0}, 0)),
        op("gather, rank 2", (g, x) -> g.gather(x, ids(g, new int[][] {{2, 0}, {0, 0}}), 0)),
        op("gather, variable", (g, x) -> g.gather(x, ids(g, new int[] {2, 0, 0}), 1)),
        op("gather, rank 3", (g, x) -> g.gather(g.expandDims(x, 1), ids(g, IDS), 0)),
        op("expandDims", (g, x) -> g.expandDims(x, 1)),
        op("squeeze", (g, x) -> g.squeeze(g.reshape(x, SIZE, 1, SIZE), 1)),
        op("reverse", (g, x) -> g.reverse(x, 1)),
        op("layerNorm", (g, x) -> g.nn().layerNorm(x, weight(g), false, 1)),
        op("layerNorm, bias", (g, x) -> g.nn().layerNorm(x, weight(g), bias(g), false, 1)),
        op("concat", (g, x) -> g.concat(1, x, g.math().square(x))),
        op("stack", (g, x) -> g.stack(1, x, g.math().square(x))),
        op("unstack", (g, x) -> g.unstack(x, 1, SIZE)[1]),
        op("permute", (g, x) -> g.permute(x, 1, 0)),
        op("slice", (g, x) -> g.slice(x, new int[] {1, 0}, 2, 2)),
        op("stridedSlice", (g, x) -> x.get(SDIndex.interval(0, 2), SDIndex.point(1))),
        op("tile", (g, x) -> g.tile(x, 1, 2)),
        op("cumsum", (g, x) -> g.cumsum(x, 1)),
        op("softmax", (g, x) -> g.nn().softmax(x, 0)),
        op("logSoftmax, axis 0", (g, x) -> g.nn().logSoftmax(x, 0)),
        op("logSoftmax, last axis", (g, x) -> g.nn().logSoftmax(x)),
        op("logSoftmax, twice", (g, x) -> g.nn().logSoftmax(g.nn().logSoftmax(x, 0), 1)),
        op("crossEntropy", (g, x) -> g.loss().sparseSoftmaxCrossEntropy(x, ids(g, LABELS))),
        op("logSoftmax", (g, x) -> g.nn().logSoftmax(x, 1)),
        op("mean", (g, x) -> g.mean(x, true, 1)),
        op("norm2", (g, x) -> g.norm2(x, 1)),
        op("standardize", (g, x) -> g.math().standardize(x, 1)),
        op("leakyRelu", (g, x) -> g.nn().leakyRelu(x, 0.3)),
        op("mmul, transposed", (g, x) -> g.mmul(x, weights(g), false, true, false)));
  }

  private static SDVariable ids(SameDiff graph, int[] ids) {
    return graph.constant(Nd4j.createFromArray(ids));
  }

  private static SDVariable ids(SameDiff graph, int[][] ids) {
    return graph.constant(Nd4j.createFromArray(ids));
  }

  private static SDVariable weight(SameDiff graph) {
    return graph.constant("w", Nd4j.createFromArray(0.5, -1.5, 2.0));
  }

  private static SDVariable bias(SameDiff graph) {
    return graph.constant("b", Nd4j.createFromArray(0.3, 0.1, -0.2));
  }

  private static SDVariable weights(SameDiff graph) {
    return graph.constant("m", OpCheck.random(8, SIZE, SIZE));
  }

  private static SameDiff graph(HostOp op) {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, SIZE, SIZE);
    SDVariable y = op.on(graph, graph.math().tanh(x));
    graph.sum("loss", graph.math().sin(y).mul(y));
    return graph;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void of_aGraphAndOneThatWasLoaded_hasItsGradient(String name, HostOp op) throws IOException {
    INDArray x = OpCheck.random(3, SIZE, SIZE);
    double[] expected =
        FiniteDifferences.gradient(values -> loss(op, values), x.dup().data().asDouble(), 1e-3);
    FiniteDifferences.assertClose(name, expected, gradient(GraphCopy.of(graph(op)), x), 1e-7);

    File file = directory.resolve("graph.fb").toFile();
    graph(op).save(file, false);
    SameDiff copy = GraphCopy.of(GraphCopy.of(SameDiff.load(file, false)));
    FiniteDifferences.assertClose(name, expected, gradient(copy, x), 1e-7);
  }

  private static double loss(HostOp op, double[] values) {
    SameDiff graph = graph(op);
    INDArray x = Nd4j.createFromArray(values).reshape(SIZE, SIZE);
    return Result.array(graph.output(Map.of("x", x), "loss"), "loss").getDouble(0);
  }

  private static double[] gradient(SameDiff graph, INDArray x) {
    try (Program program =
        Program.withGradient(graph, "loss", ImmutableList.of("x"), ImmutableList.of())) {
      INDArray gradient =
          Result.array(program.run(ImmutableMap.of("x", x)), Program.gradientOf("x"));
      assertThat(gradient.shape()).isEqualTo(x.shape());
      return gradient.dup('c').data().asDouble();
    }
  }

  @Test
  void gather_thatEndsTheProcessInNd4j_isRefused() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, SIZE);
    graph.gather("y", graph.math().tanh(x), ids(graph, IDS), 0);
    try (Program program = Program.forward(graph, ImmutableList.of(), ImmutableList.of("y"))) {
      assertThatThrownBy(() -> program.run(ImmutableMap.of("x", Nd4j.ones(DataType.DOUBLE, SIZE))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageMatching(
              "graph: expected inputs that gather can take for y, got tanh \\[3], .* \\[3, 2]: of a"
                  + " vector by ids of several dimensions, at which ND4J ends the process");
    }
  }

  @Test
  void gather_ofMatricesOfIdsAlongAnotherAxis_isRefused() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, SIZE, SIZE);
    SDVariable ids = ids(graph, IDS).rename("ids");
    graph.sum("loss", graph.gather(x, ids, 1));
    assertThatThrownBy(
            () -> Program.withGradient(graph, "loss", ImmutableList.of("x"), ImmutableList.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "graph: expected ids of one dimension in a gather along another axis than 0, got ids of"
                + " shape [3, 2]");
  }
}
