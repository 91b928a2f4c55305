package io.github.p3o.internal;

import static io.github.p3o.internal.HostOps.ids;
import static io.github.p3o.internal.HostOps.inputs;
import static io.github.p3o.internal.HostOps.op;
import static io.github.p3o.internal.HostOps.positive;
import static io.github.p3o.internal.HostOps.real;
import static io.github.p3o.internal.HostOps.several;

import io.github.p3o.internal.HostOps.Input;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDIndex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/** Gradients of a host's ops that pick, reorder and join elements, and of products of matrices. */
class HostOpsShapesTest {

  @TempDir Path directory;

  static Stream<Arguments> ops() {
    return Stream.of(
            reshaped(),
            IntStream.range(-2, 2).boxed().flatMap(HostOpsShapesTest::along),
            picked(),
            segments(),
            products())
        .flatMap(s -> s);
  }

  private static Stream<Arguments> reshaped() {
    return Stream.of(
        op("reshape", real(3, 4), (g, x) -> g.reshape(x[0], -1, 2)),
        op("reshape, variable", real(3, 4), (g, x) -> g.reshape(x[0], ids(g, 4, 3))),
        op("transpose", real(3, 4), (g, x) -> g.transpose(x[0])),
        op("permute", real(3, 3, 3), (g, x) -> g.permute(x[0], 2, 0, 1)),
        op("permute, variable", real(2, 3, 4), (g, x) -> g.permute(x[0], ids(g, 1, 2, 0))),
        op("squeeze, -1", real(3, 4, 1), (g, x) -> g.squeeze(x[0], -1)),
        op("tile", real(3, 3), (g, x) -> g.tile(x[0], 2, 3)),
        op("tile, variable", real(2, 3), (g, x) -> g.tile(x[0], ids(g, 3, 2))),
        op(
            "pad",
            real(3, 4),
            (g, x) -> g.nn().pad(x[0], ids(g, new int[][] {{0, 2}, {2, 1}}), 0.7)),
        op("concat, uneven", inputs(real(3, 2), real(3, 4)), (g, x) -> g.concat(1, x)),
        op("concat, the same", real(2, 3), (g, x) -> g.concat(0, x[0], x[0])),
        op("stack, vectors", inputs(real(3), real(3)), (g, x) -> g.stack(1, x)),
        op("stack, scalars", inputs(real(), real()), (g, x) -> g.stack(0, x)),
        op("reverse, two", real(3, 4), (g, x) -> g.reverse(x[0], 0, 1)),
        op("reverseSequence", real(3, 4), (g, x) -> g.reverseSequence(x[0], ids(g, 2, 3, 4), 1, 0)),
        op("range", real(5), (g, x) -> x[0].mul(g.range(0, 5, 1, x[0].dataType()))),
        op("eye", real(3, 3), (g, x) -> x[0].mul(g.math().eye(3).castTo(x[0].dataType()))));
  }

  private static Stream<Arguments> along(int axis) {
    String at = ", " + axis;
    Stream.Builder<Arguments> ops = Stream.builder();
    for (boolean exclusive : new boolean[] {false, true}) {
      for (boolean reverse : new boolean[] {false, true}) {
        String how = at + (exclusive ? ", exclusive" : "") + (reverse ? ", reverse" : "");
        ops.add(op("cumsum" + how, real(3, 3), (g, x) -> g.cumsum(x[0], exclusive, reverse, axis)));
        ops.add(
            op("cumprod" + how, real(3, 2), (g, x) -> g.cumprod(x[0], exclusive, reverse, axis)));
      }
    }
    Stream<Arguments> others =
        Stream.of(
            op("concat" + at, inputs(real(3, 3), real(3, 3)), (g, x) -> g.concat(axis, x)),
            op("stack" + at, inputs(real(3, 3), real(3, 3)), (g, x) -> g.stack(axis, x)),
            several("unstack" + at, inputs(real(3, 3)), (g, x) -> g.unstack(x[0], axis, 3)),
            op("unstack, one" + at, real(3, 3), (g, x) -> g.unstack(x[0], axis, 3)[1]),
            several("split" + at, inputs(real(4, 4)), (g, x) -> g.split(x[0], 2, axis)),
            op("split, one" + at, real(4, 4), (g, x) -> g.split(x[0], 2, axis)[1]),
            op("reverse" + at, real(3, 3), (g, x) -> g.reverse(x[0], axis)),
            op("expandDims" + at, real(3, 3), (g, x) -> g.expandDims(x[0], axis)),
            op("gather" + at, real(3, 3), (g, x) -> g.gather(x[0], new int[] {2, 0, 0}, axis)));
    return Stream.concat(ops.build(), others);
  }

  private static Stream<Arguments> picked() {
    return Stream.of(
        op("gather, one", real(3, 4), (g, x) -> g.gather(x[0], ids(g, 2), 0)),
        op("gather, rank 3", real(2, 3, 4), (g, x) -> g.gather(x[0], ids(g, 2, 0, 0), 1)),
        op(
            "gather, a vector",
            real(5),
            (g, x) -> g.gather(g.getVariable("x0"), ids(g, 2, 0, 0), 0)),
        op(
            "scatterAdd",
            inputs(real(3, 2), real(2, 2)),
            (g, x) -> g.scatterAdd(x[0], ids(g, 1, 1), x[1])),
        op(
            "scatterSub",
            inputs(real(3, 2), real(2, 2)),
            (g, x) -> g.scatterSub(x[0], ids(g, 2, 0), x[1])),
        op("slice, to the end", real(3, 4), (g, x) -> g.slice(x[0], new int[] {1, 0}, -1, 2)),
        op("slice, variable", real(3, 4), (g, x) -> g.slice(x[0], ids(g, 1, 0), ids(g, 2, 2))),
        op(
            "stridedSlice",
            real(4, 4),
            (g, x) -> g.stridedSlice(x[0], longs(0, 1), longs(4, 4), 2, 1)),
        op(
            "stridedSlice, from the end",
            real(4, 4),
            (g, x) -> g.stridedSlice(x[0], longs(-3, 0), longs(-1, 4), 1, 1)),
        op(
            "stridedSlice, masks",
            real(4, 4),
            (g, x) -> g.stridedSlice(x[0], longs(2, 1), longs(3, 4), longs(1, 1), 1, 0, 0, 0, 2)),
        op(
            "stridedSlice, new axis",
            real(4, 4),
            (g, x) ->
                g.stridedSlice(
                    x[0], longs(0, 0, 1), longs(0, 3, 3), longs(1, 1, 1), 0, 0, 0, 1, 0)),
        op("get", real(3, 4), (g, x) -> x[0].get(SDIndex.all(), SDIndex.point(1, true))),
        op(
            "oneHot",
            real(3, 4),
            (g, x) -> x[0].mul(g.oneHot(ids(g, 1, 0, 3), 4, -1, 1, 0, x[0].dataType()))),
        op(
            "sequenceMask",
            real(3, 4),
            (g, x) -> x[0].mul(g.sequenceMask(ids(g, 1, 4, 3), 4, x[0].dataType()))),
        op("diag", real(3), (g, x) -> g.math().diag(x[0])),
        op("diagPart", real(3, 3), (g, x) -> g.math().diagPart(x[0])),
        op("setDiag", inputs(real(3, 3), real(3)), (g, x) -> g.math().setDiag(x[0], x[1])),
        op("trace", real(2, 3, 3), (g, x) -> g.math().trace(x[0])),
        op("triu", real(3, 4), (g, x) -> g.linalg().triu(x[0], 1)));
  }

  private static long[] longs(long... numbers) {
    return numbers;
  }

  private static Stream<Arguments> segments() {
    return Stream.of(
        op("segmentMax", positive(5, 2), (g, x) -> g.segmentMax(x[0], sorted(g))),
        op("segmentMin", positive(5, 2), (g, x) -> g.segmentMin(x[0], sorted(g))),
        op("segmentMean", positive(5, 2), (g, x) -> g.segmentMean(x[0], sorted(g))),
        op("segmentProd", positive(5, 2), (g, x) -> g.segmentProd(x[0], sorted(g))),
        op("segmentSum", positive(5, 2), (g, x) -> g.segmentSum(x[0], sorted(g))),
        op(
            "segmentMax, equal",
            positive(3, 2),
            (g, x) -> g.segmentMax(g.concat(0, x[0], x[0].mul(1)), ids(g, 0, 0, 0, 0, 0, 0))),
        op(
            "unsortedSegmentMax",
            positive(5, 2),
            (g, x) -> g.unsortedSegmentMax(x[0], unsorted(g), 3)),
        op(
            "unsortedSegmentMin",
            positive(5, 2),
            (g, x) -> g.unsortedSegmentMin(x[0], unsorted(g), 3)),
        op(
            "unsortedSegmentMean",
            positive(5, 2),
            (g, x) -> g.unsortedSegmentMean(x[0], unsorted(g), 3)),
        op(
            "unsortedSegmentProd",
            positive(5, 2),
            (g, x) -> g.unsortedSegmentProd(x[0], unsorted(g), 3)),
        op(
            "unsortedSegmentSum",
            positive(5, 2),
            (g, x) -> g.unsortedSegmentSum(x[0], unsorted(g), 3)),
        op(
            "unsortedSegmentSqrtN",
            positive(5, 2),
            (g, x) -> g.unsortedSegmentSqrtN(x[0], unsorted(g), 3)),
        several(
            "dynamicPartition",
            inputs(real(4, 2)),
            (g, x) -> g.dynamicPartition(x[0], ids(g, 0, 1, 1, 0), 2)));
  }

  private static SDVariable sorted(SameDiff graph) {
    return ids(graph, 0, 0, 1, 1, 2);
  }

  private static SDVariable unsorted(SameDiff graph) {
    return ids(graph, 2, 0, 1, 0, 2);
  }

  private static Stream<Arguments> products() {
    Stream<Arguments> transposed =
        IntStream.range(0, 8)
            .boxed()
            .flatMap(
                flags -> {
                  boolean a = (flags & 1) > 0;
                  boolean b = (flags & 2) > 0;
                  boolean y = (flags & 4) > 0;
                  Input first = a ? real(3, 2) : real(2, 3);
                  Input second = b ? real(4, 3) : real(3, 4);
                  List<Input> batch = inputs(real(2, 3, 3), real(2, 3, 3));
                  return Stream.of(
                      op(
                          "mmul, " + flags,
                          inputs(first, second),
                          (g, x) -> g.mmul(x[0], x[1], a, b, y)),
                      op("mmul, batch, " + flags, batch, (g, x) -> g.mmul(x[0], x[1], a, b, y)));
                });
    return Stream.concat(
        transposed,
        Stream.of(
            op("mmul, with itself", real(3, 3), (g, x) -> g.mmul(x[0], x[0])),
            op(
                "tensorMmul",
                inputs(real(3, 3), real(3, 3)),
                (g, x) -> g.tensorMmul(x[0], x[1], new int[] {0}, 1)),
            op("matrixInverse", new Input(0.1, 3, 2, 2), (g, x) -> g.math().matrixInverse(x[0]))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void gradient_ofAnOp_isThatOfDifferences(String name, HostOps op) throws IOException {
    op.assertGradients(directory);
  }
}
