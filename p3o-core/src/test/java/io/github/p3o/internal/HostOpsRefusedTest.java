package io.github.p3o.internal;

import static io.github.p3o.internal.HostOps.ids;
import static io.github.p3o.internal.HostOps.inputs;
import static io.github.p3o.internal.HostOps.op;
import static io.github.p3o.internal.HostOps.positive;
import static io.github.p3o.internal.HostOps.real;
import static io.github.p3o.internal.HostOps.several;
import static io.github.p3o.internal.HostOps.small;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.internal.HostOps.Input;
import io.github.p3o.internal.HostOps.Op;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.enums.PadMode;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Pooling2D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.LocalResponseNormalizationConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.recurrent.config.LSTMLayerConfig;
import org.nd4j.linalg.api.ops.impl.layers.recurrent.weights.LSTMLayerWeights;
import org.nd4j.linalg.api.ops.impl.reduce.custom.LogSumExp;
import org.nd4j.linalg.api.ops.impl.shape.Flatten2D;
import org.nd4j.linalg.api.ops.impl.transforms.custom.DotProductAttention;

/** Ops whose gradient is wrong in ND4J, or at which it ends the process, are refused by name. */
class HostOpsRefusedTest {

  private static Arguments refused(String opName, String instead, Input input, Op op) {
    return refused(opName, instead, inputs(input), op);
  }

  private static Arguments refused(String opName, String instead, List<Input> inputs, Op op) {
    return Arguments.of(opName, instead, op(opName, inputs, op).get()[1]);
  }

  static Stream<Arguments> ops() {
    return Stream.concat(arithmetic(), layers());
  }

  private static Stream<Arguments> arithmetic() {
    List<Input> two = inputs(positive(3, 4), positive(3, 4));
    List<Input> rows = inputs(positive(3, 4), positive(2, 4));
    String oneHot = "a product with one-hot rows";
    return Stream.of(
        refused("mod", "floorMod", two, (g, x) -> g.math().mod(x[0], x[1])),
        refused(
            "shannonentropy",
            "entropy, divided by log 2",
            positive(4),
            (g, x) -> g.math().shannonEntropy(x[0])),
        refused("logentropy", "log of entropy", small(4), (g, x) -> g.math().logEntropy(x[0])),
        refused(
            "jaccarddistance",
            "min, max and sum",
            two,
            (g, x) -> g.math().jaccardDistance(x[0], x[1])),
        refused("scatter_mul", oneHot, rows, (g, x) -> g.scatterMul(x[0], ids(g, 1, 1), x[1])),
        refused("scatter_div", oneHot, rows, (g, x) -> g.scatterDiv(x[0], ids(g, 1, 1), x[1])),
        refused(
            "scatter_max",
            "max of two arrays",
            rows,
            (g, x) -> g.scatterMax(x[0], ids(g, 0, 1), x[1])),
        refused(
            "scatter_min",
            "min of two arrays",
            rows,
            (g, x) -> g.scatterMin(x[0], ids(g, 0, 1), x[1])),
        refused(
            "meshgrid", "tile", inputs(real(3), real(3)), (g, x) -> g.math().meshgrid(x, true)[0]),
        refused(
            "hardtanhderivative",
            "comparisons cast to numbers",
            real(3),
            (g, x) -> g.nn().hardTanhDerivative(x[0])),
        refused(
            "softsignderivative",
            "a quotient with abs",
            real(3),
            (g, x) -> g.nn().softsignDerivative(x[0])),
        refused(
            "flatten_2d",
            "reshape",
            real(2, 3, 4),
            (g, x) -> new Flatten2D(g, x[0], 1).outputVariable()),
        refused("pad", "PadMode.CONSTANT", real(3, 3), (g, x) -> reflected(g, x[0])));
  }

  private static SDVariable reflected(SameDiff graph, SDVariable x) {
    return graph.nn().pad(x, ids(graph, new int[][] {{1, 1}, {1, 0}}), PadMode.REFLECT, 0);
  }

  private static Stream<Arguments> layers() {
    LocalResponseNormalizationConfig lrn = new LocalResponseNormalizationConfig(0.7, 0.6, 1.5, 2);
    Pooling2DConfig pooling =
        Pooling2DConfig.builder()
            .kH(2)
            .kW(2)
            .pH(1)
            .pW(1)
            .divisor(Pooling2D.Divisor.INCLUDE_PADDING)
            .build();
    List<Input> batch = inputs(real(3, 3), real(3), positive(3), real(3), real(3));
    List<Input> gru = inputs(small(3, 2, 4), small(2, 3), small(4, 9), small(3, 9), small(9));
    List<Input> lstm = inputs(small(3, 2, 4), small(4, 12), small(3, 12), small(12), small(2, 3));
    int[] blocks = {2, 2};
    return Stream.of(
        refused(
            "batchnorm",
            "layerNorm, or a product and a sum with constants",
            batch,
            (g, x) -> g.nn().batchNorm(x[0], x[1], x[2], x[3], x[4], 1e-3, 1)),
        refused(
            "lrn",
            "layerNorm",
            real(2, 4, 3, 3),
            (g, x) -> g.cnn().localResponseNormalization(x[0], lrn)),
        refused(
            "gru",
            "lstmLayer, or matrix products, sigmoid and tanh",
            gru,
            (g, x) -> g.rnn().gru(x[0], x[1], x[2], x[3], x[4])),
        refused(
            "lstmLayer",
            "it without lengths, first states and peepholes",
            lstm,
            HostOpsRefusedTest::lstmWithStates),
        refused(
            "upsampling2d",
            "it on channels before height",
            real(1, 3, 3, 3),
            (g, x) -> g.cnn().upsampling2d(x[0], 2, 3, false)),
        refused(
            "upsampling3d",
            "it on channels before depth",
            real(1, 2, 2, 2, 2),
            (g, x) -> g.cnn().upsampling3d(x[0], false, 2, 2, 2)),
        refused(
            "batch_to_space",
            "it without cropping, and slice",
            real(4, 2, 2, 3),
            (g, x) -> g.cnn().batchToSpace(x[0], blocks, new int[] {0, 1}, 1, 0)),
        refused(
            "avgpool2d",
            "Divisor.EXCLUDE_PADDING",
            real(1, 2, 3, 3),
            (g, x) -> g.cnn().avgPooling2d(x[0], pooling)));
  }

  private static SDVariable lstmWithStates(SameDiff graph, SDVariable[] x) {
    LSTMLayerWeights weights =
        LSTMLayerWeights.builder().weights(x[1]).rWeights(x[2]).bias(x[3]).build();
    LSTMLayerConfig config = LSTMLayerConfig.builder().build();
    return graph.rnn().lstmLayer(x[0], x[4], x[4].mul(1), null, weights, config)[0];
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void gradient_thatIsWrongInNd4j_isRefused(String opName, String instead, HostOps op) {
    assertThatThrownBy(op::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageMatching(
            "graph: expected ops whose gradient ND4J has right, got "
                + opName
                + " for \\w+; use "
                + instead
                + " instead");
  }

  @Test
  void attention_whoseWeightsAreRead_isRefused() {
    Arguments attention =
        several(
            "attention",
            inputs(real(2, 3, 4), real(2, 3, 5), real(2, 2, 5)),
            (g, x) ->
                new DotProductAttention(g, x[0], x[1], x[2], null, true, true).outputVariables());
    assertThatThrownBy(((HostOps) attention.get()[1])::run)
        .hasMessage(
            "graph: expected ops whose gradient ND4J has right, got dot_product_attention for"
                + " dot_product_attention; use softmax of a matrix product instead");
  }

  @Test
  void op_withoutAGradient_isNamed() {
    Arguments solve =
        op("solve", inputs(real(2, 2), real(2, 2)), (g, x) -> g.linalg().solve(x[0], x[1]));
    assertThatThrownBy(((HostOps) solve.get()[1])::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "graph: expected ops that ND4J can differentiate, got solve for solve: ");
  }

  @Test
  void logSumExp_overAxesThatStayAndAreCountedFromTheEnd_isRefused() {
    Arguments kept =
        op(
            "logSumExp",
            real(2, 2, 2),
            (g, x) -> new LogSumExp(g, x[0], true, new int[] {-1}).outputVariable());
    assertThatThrownBy(((HostOps) kept.get()[1])::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith(": axes that are kept, and counted from the end or not in order");
  }

  @Test
  void stridedSlice_withAStrideBelow0_isRefused() {
    Arguments reversed =
        op(
            "stridedSlice",
            real(4, 4),
            (g, x) -> g.stridedSlice(x[0], new long[] {3, 0}, new long[] {0, 4}, -1, 1));
    assertThatThrownBy(((HostOps) reversed.get()[1])::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageMatching(
            "graph: expected inputs that strided_slice can take for strided_slice, got read0 \\[4,"
                + " 4]: strides below 0, at which ND4J ends the process; use reverse instead");
  }
}
