package io.github.p3o.internal;

import static io.github.p3o.internal.HostOps.inputs;
import static io.github.p3o.internal.HostOps.op;
import static io.github.p3o.internal.HostOps.positive;
import static io.github.p3o.internal.HostOps.real;
import static io.github.p3o.internal.HostOps.several;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.HostOps.Input;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.reduce.custom.LogSumExp;

/** Gradients of a host's reductions over several axes, kept or not, in whatever order. */
class HostOpsReductionsTest {

  @TempDir Path directory;

  /** A reduction over axes, which stay as size 1 or not. */
  private interface Reduction {
    SDVariable on(SameDiff graph, SDVariable x, boolean keep, int... axes);
  }

  /** A reduction whose axes do not stay. */
  private interface Plain {
    SDVariable on(SameDiff graph, SDVariable x, int... axes);
  }

  private static final int[][] AXES = {{}, {1}, {-1}, {2, 0}};

  private static Stream<Arguments> reduction(String name, Input input, Reduction op) {
    return Stream.of(AXES)
        .flatMap(
            axes ->
                Stream.of(false, true)
                    .map(
                        keep ->
                            op(
                                name + ", " + Arrays.toString(axes) + (keep ? ", kept" : ""),
                                input,
                                (g, x) -> op.on(g, x[0], keep, axes))));
  }

  private static Stream<Arguments> plain(String name, Input input, Plain op) {
    return Stream.of(AXES)
        .map(
            axes -> op(name + ", " + Arrays.toString(axes), input, (g, x) -> op.on(g, x[0], axes)));
  }

  static Stream<Arguments> ops() {
    Input cube = real(2, 2, 2);
    return Stream.of(
            reduction("sum", cube, (g, x, k, axes) -> g.sum(x, k, axes)),
            reduction("mean", cube, (g, x, k, axes) -> g.mean(x, k, axes)),
            reduction("prod", positive(2, 2, 2), (g, x, k, axes) -> g.prod(x, k, axes)),
            reduction("max", cube, (g, x, k, axes) -> g.max(x, k, axes)),
            reduction("min", cube, (g, x, k, axes) -> g.min(x, k, axes)),
            reduction("norm1", cube, (g, x, k, axes) -> g.norm1(x, k, axes)),
            reduction("norm2", cube, (g, x, k, axes) -> g.norm2(x, k, axes)),
            reduction("normMax", cube, (g, x, k, axes) -> g.normmax(x, k, axes)),
            reduction("squaredNorm", cube, (g, x, k, axes) -> g.squaredNorm(x, k, axes)),
            reduction("variance", cube, (g, x, k, axes) -> g.variance(x, true, k, axes)),
            reduction("deviation", cube, (g, x, k, a) -> g.standardDeviation(x, false, k, a)),
            plain("logSumExp", cube, (g, x, axes) -> g.math().logSumExp(x, axes)),
            plain("amax", cube, (g, x, axes) -> g.math().amax(x, axes)),
            plain("amin", cube, (g, x, axes) -> g.math().amin(x, axes)),
            plain("amean", cube, (g, x, axes) -> g.math().amean(x, axes)),
            plain("asum", cube, (g, x, axes) -> g.math().asum(x, axes)),
            plain("entropy", positive(2, 2, 2), (g, x, axes) -> g.math().entropy(x, axes)),
            distances(),
            others())
        .flatMap(s -> s);
  }

  private static Stream<Arguments> distances() {
    return Stream.of(new int[] {}, new int[] {0}, new int[] {-1})
        .flatMap(
            axes -> {
              String of = ", " + Arrays.toString(axes);
              List<Input> two = inputs(real(2, 2), real(2, 2));
              return Stream.of(
                  op("dot" + of, two, (g, x) -> g.dot(x[0], x[1], axes)),
                  op("cosine" + of, two, (g, x) -> g.math().cosineSimilarity(x[0], x[1], axes)),
                  op("cosineD" + of, two, (g, x) -> g.math().cosineDistance(x[0], x[1], axes)),
                  op("euclidean" + of, two, (g, x) -> g.math().euclideanDistance(x[0], x[1], axes)),
                  op(
                      "manhattan" + of,
                      two,
                      (g, x) -> g.math().manhattanDistance(x[0], x[1], axes)));
            });
  }

  private static Stream<Arguments> others() {
    List<Input> row = inputs(real(3, 4), real(1, 4));
    Input large = new Input(795, 805, 2, 3);
    return Stream.of(
        op("euclidean, row", row, (g, x) -> g.math().euclideanDistance(x[0], x[1], 1)),
        op("max, equal", real(3, 3), (g, x) -> g.max(doubled(x[0]), 1)),
        op("min, equal", real(3, 3), (g, x) -> g.min(doubled(x[0]), true, 1)),
        op("amax, equal", real(3, 3), (g, x) -> g.math().amax(doubled(x[0]), 1)),
        op("normMax, equal", real(3, 3), (g, x) -> g.normmax(doubled(x[0]), 1)),
        op("standardize", real(3, 3), (g, x) -> g.math().standardize(x[0], -1)),
        several("moments", inputs(real(2, 3, 3)), (g, x) -> g.math().moments(x[0], 0, 2)),
        op("moments, mean only", real(2, 3, 3), (g, x) -> g.math().moments(x[0], 0, 2)[0]),
        op(
            "logSumExp, kept",
            real(3, 3),
            (g, x) -> new LogSumExp(g, x[0], true, new int[] {1}).outputVariable()),
        op("logSumExp, large", large, (g, x) -> g.math().logSumExp(x[0].sub(200), 1).mul(1e-3)));
  }

  private static SDVariable doubled(SDVariable x) {
    return x.getSameDiff().concat(1, x, x.mul(1));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void axes_countedFromTheEnd_areThoseFromTheStart(boolean keep) {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 2, 3, 4).mul(1);
    graph.sum(x, keep, -1).rename("fromEnd");
    graph.sum(x, keep, 2).rename("fromStart");
    graph.max(x, keep, 2, 0).rename("notInOrder");
    graph.max(x, keep, 0, 2).rename("inOrder");
    List<String> names = List.of("fromEnd", "fromStart", "notInOrder", "inOrder");
    try (Program program = Program.forward(graph, ImmutableList.of(), names)) {
      Map<String, INDArray> results = program.run(ImmutableMap.of("x", OpCheck.random(4, 2, 3, 4)));

      assertThat(results.get("fromEnd")).isEqualTo(results.get("fromStart"));
      assertThat(results.get("notInOrder")).isEqualTo(results.get("inOrder"));
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void gradient_ofAnOp_isThatOfDifferences(String name, HostOps op) throws IOException {
    op.assertGradients(directory);
  }
}
