package io.github.p3o.internal;

import static io.github.p3o.internal.HostOps.constant;
import static io.github.p3o.internal.HostOps.inputs;
import static io.github.p3o.internal.HostOps.op;
import static io.github.p3o.internal.HostOps.positive;
import static io.github.p3o.internal.HostOps.real;

import io.github.p3o.internal.HostOps.Input;
import io.github.p3o.internal.HostOps.Op;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ops.impl.transforms.custom.Assign;

/**
 * Gradients of a host's ops of two arrays, of one shape and broadcast, also where they are equal.
 */
class HostOpsPairwiseTest {

  @TempDir Path directory;

  private static final long[][][] SHAPES = {
    {{2, 3}, {2, 3}},
    {{3}, {3, 3}},
    {{3, 1}, {1, 4}},
    {{2, 2, 3}, {2, 3}},
    {{2, 3}, {}},
    {{1}, {2, 3}}
  };

  private static Stream<Arguments> pairs(String name, Op op) {
    return Stream.concat(
        Stream.of(SHAPES)
            .map(
                shapes ->
                    op(
                        name + ", " + Arrays.toString(shapes[0]) + Arrays.toString(shapes[1]),
                        inputs(positive(shapes[0]), positive(shapes[1])),
                        op)),
        Stream.of(
            op(name + ", equal", positive(3, 3), (g, x) -> op.on(g, twice(x[0]))),
            op(name + ", constant", positive(3, 3), (g, x) -> op.on(g, withConstant(x[0])))));
  }

  /** Two values that are equal. */
  private static SDVariable[] twice(SDVariable x) {
    return new SDVariable[] {x, x.mul(1)};
  }

  private static SDVariable[] withConstant(SDVariable x) {
    return new SDVariable[] {constant(x, 0.5, 1.1, 1.9), x};
  }

  static Stream<Arguments> ops() {
    return Stream.of(
            pairs("add", (g, x) -> x[0].add(x[1])),
            pairs("sub", (g, x) -> x[0].sub(x[1])),
            pairs("mul", (g, x) -> x[0].mul(x[1])),
            pairs("div", (g, x) -> x[0].div(x[1])),
            pairs("rsub", (g, x) -> x[0].rsub(x[1])),
            pairs("rdiv", (g, x) -> x[0].rdiv(x[1])),
            pairs("min", (g, x) -> g.math().min(x[0], x[1])),
            pairs("max", (g, x) -> g.max(x[0], x[1])),
            pairs("pow", (g, x) -> g.math().pow(x[0], x[1])),
            pairs("squaredDifference", (g, x) -> x[0].squaredDifference(x[1])),
            pairs("atan2", (g, x) -> g.math().atan2(x[0], x[1])),
            others())
        .flatMap(s -> s);
  }

  private static Stream<Arguments> others() {
    return Stream.of(
        op(
            "floorMod",
            inputs(new Input(2.1, 2.9, 2, 3), new Input(0.75, 0.95, 3)),
            (g, x) -> g.math().floorMod(x[0], x[1])),
        op("mergeAdd", inputs(real(2, 3), real(2, 3), real(2, 3)), (g, x) -> g.math().mergeAdd(x)),
        op("mergeAvg", inputs(real(2, 3), real(2, 3), real(2, 3)), (g, x) -> g.math().mergeAvg(x)),
        op("mergeMax", inputs(real(2, 3), real(2, 3), real(2, 3)), (g, x) -> g.math().mergeMax(x)),
        op("mergeMax, equal", real(2, 3), (g, x) -> g.math().mergeMax(twice(x[0]))),
        op("cross", inputs(real(2, 3), real(2, 3)), (g, x) -> g.math().cross(x[0], x[1])),
        op(
            "assign",
            inputs(real(3, 4), real(1, 4)),
            (g, x) -> new Assign(g, x[0], x[1]).outputVariable()),
        op("dot", inputs(real(4), real(4)), (g, x) -> x[0].dot(x[1])));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void gradient_ofAnOp_isThatOfDifferences(String name, HostOps op) throws IOException {
    op.assertGradients(directory);
  }
}
