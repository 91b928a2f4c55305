package io.github.p3o.internal;

import static io.github.p3o.internal.HostOps.constant;
import static io.github.p3o.internal.HostOps.inputs;
import static io.github.p3o.internal.HostOps.op;
import static io.github.p3o.internal.HostOps.real;
import static io.github.p3o.internal.HostOps.several;
import static io.github.p3o.internal.HostOps.small;

import io.github.p3o.internal.HostOps.Input;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.enums.DataFormat;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv1DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv3DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.DeConv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling3DConfig;
import org.nd4j.linalg.api.ops.impl.layers.recurrent.config.LSTMDataFormat;
import org.nd4j.linalg.api.ops.impl.layers.recurrent.config.LSTMDirectionMode;
import org.nd4j.linalg.api.ops.impl.layers.recurrent.config.LSTMLayerConfig;
import org.nd4j.linalg.api.ops.impl.layers.recurrent.weights.LSTMLayerWeights;

/**
 * Gradients of a host's layers: linear, normalised, attention, convolutions, pooling, recurrent.
 */
class HostOpsLayersTest {

  private static final String[] CHANNELS = {Conv2DConfig.NCHW, Conv2DConfig.NHWC};

  @TempDir Path directory;

  static Stream<Arguments> ops() {
    return Stream.of(
            dense(),
            attention(),
            Stream.of(CHANNELS).flatMap(HostOpsLayersTest::convolutions),
            Stream.of(CHANNELS).flatMap(HostOpsLayersTest::pooling),
            sequences(),
            volumes())
        .flatMap(s -> s);
  }

  private static Stream<Arguments> dense() {
    List<Input> linear = inputs(real(3, 3), real(3, 3), real(3));
    List<Input> normal = inputs(real(2, 3, 3), real(3), real(3));
    return Stream.of(
        op("linear", linear, (g, x) -> g.nn().linear(x[0], x[1], x[2])),
        op("reluLayer", linear, (g, x) -> g.nn().reluLayer(x[0], x[1], x[2])),
        op(
            "biasAdd, last",
            inputs(real(2, 3, 3), real(3)),
            (g, x) -> g.nn().biasAdd(x[0], x[1], false)),
        op(
            "biasAdd, 1",
            inputs(real(2, 3, 3), real(3)),
            (g, x) -> g.nn().biasAdd(x[0], x[1], true)),
        op("layerNorm, last", normal, (g, x) -> g.nn().layerNorm(x[0], x[1], x[2], false, 2)),
        op("layerNorm, 1", normal, (g, x) -> g.nn().layerNorm(x[0], x[1], x[2], true, 1)),
        op("layerNorm, two", normal, (g, x) -> g.nn().layerNorm(x[0], x[1], x[2], true, 1, 2)),
        op("layerNorm, -1", normal, (g, x) -> g.nn().layerNorm(x[0], x[1], x[2], false, -1)));
  }

  private static Stream<Arguments> attention() {
    List<Input> one = inputs(real(2, 2, 2), real(2, 2, 3), real(2, 1, 3));
    List<Input> heads =
        inputs(
            real(2, 2, 2),
            real(2, 2, 3),
            real(2, 2, 3),
            real(2, 2, 2),
            real(2, 2, 2),
            real(2, 1, 2),
            real(2, 2));
    return Stream.of(true, false)
        .flatMap(
            scaled ->
                Stream.of(
                    op(
                        "attention" + (scaled ? ", scaled" : ""),
                        one,
                        (g, x) -> g.nn().dotProductAttention(x[0], x[1], x[2], null, scaled)),
                    op(
                        "attention, masked" + (scaled ? ", scaled" : ""),
                        one,
                        (g, x) -> g.nn().dotProductAttention(x[0], x[1], x[2], mask(x[0]), scaled)),
                    op(
                        "heads, masked" + (scaled ? ", scaled" : ""),
                        heads,
                        (g, x) ->
                            g.nn()
                                .multiHeadDotProductAttention(
                                    x[0],
                                    x[1],
                                    x[2],
                                    x[3],
                                    x[4],
                                    x[5],
                                    x[6],
                                    mask(x[0]),
                                    scaled))));
  }

  private static SDVariable mask(SDVariable like) {
    return constant(like, new double[][] {{1, 1, 0}, {1, 1, 1}});
  }

  private static Input images(String format) {
    return format.equals(Conv2DConfig.NCHW) ? real(1, 2, 4, 3) : real(1, 4, 3, 2);
  }

  private static Stream<Arguments> convolutions(String format) {
    Conv2DConfig strided =
        Conv2DConfig.builder().kH(2).kW(2).sW(2).dataFormat(format).isSameMode(true).build();
    Conv2DConfig padded =
        Conv2DConfig.builder().kH(2).kW(2).pH(1).pW(1).dH(2).dataFormat(format).build();
    DeConv2DConfig inverse = DeConv2DConfig.builder().kH(2).kW(2).sH(2).dataFormat(format).build();
    Input x = images(format);
    List<Input> depth = inputs(x, real(2, 2, 2, 1), real(2));
    List<Input> separable = inputs(x, real(2, 2, 2, 1), real(1, 1, 2, 2));
    String of = ", " + format;
    Stream<Arguments> formats =
        Stream.of(WeightsFormat.values()).map(weights -> conv2d(format, weights));
    return Stream.concat(
        formats,
        Stream.of(
            op(
                "conv2d, padded" + of,
                inputs(x, real(2, 2, 2, 2), real(2)),
                (g, in) -> g.cnn().conv2d(in[0], in[1], in[2], padded)),
            op(
                "deconv2d" + of,
                inputs(x, real(2, 2, 2, 2)),
                (g, in) -> g.cnn().deconv2d(in[0], in[1], inverse)),
            op(
                "depthWise" + of,
                depth,
                (g, in) -> g.cnn().depthWiseConv2d(in[0], in[1], in[2], strided)),
            op(
                "separable" + of,
                separable,
                (g, in) -> g.cnn().separableConv2d(in[0], in[1], in[2], strided))));
  }

  /** Square in all: another order of the weights' axes would have the right shape. */
  private static Arguments conv2d(String format, WeightsFormat weights) {
    Conv2DConfig config =
        Conv2DConfig.builder().kH(2).kW(2).dataFormat(format).weightsFormat(weights).build();
    return op(
        "conv2d, " + format + ", " + weights,
        inputs(real(1, 2, 2, 2), real(2, 2, 2, 2)),
        (g, x) -> g.cnn().conv2d(x[0], x[1], config));
  }

  private static Stream<Arguments> pooling(String format) {
    boolean last = format.equals(Conv2DConfig.NHWC);
    Pooling2DConfig same =
        Pooling2DConfig.builder().kH(2).kW(2).sH(2).isSameMode(true).isNHWC(last).build();
    Pooling2DConfig padded = Pooling2DConfig.builder().kH(3).kW(2).pH(1).pW(1).isNHWC(last).build();
    Input x = images(format);
    DataFormat layout = last ? DataFormat.NHWC : DataFormat.NCHW;
    Input deep = last ? real(1, 2, 3, 4) : real(1, 4, 2, 3);
    Input wide = last ? real(1, 4, 2, 3) : real(1, 3, 4, 2);
    String of = ", " + format;
    return Stream.of(
        op("maxPooling2d" + of, x, (g, in) -> g.cnn().maxPooling2d(in[0], same)),
        op("avgPooling2d" + of, x, (g, in) -> g.cnn().avgPooling2d(in[0], same)),
        op("maxPooling2d, padded" + of, x, (g, in) -> g.cnn().maxPooling2d(in[0], padded)),
        op("avgPooling2d, padded" + of, x, (g, in) -> g.cnn().avgPooling2d(in[0], padded)),
        op("depthToSpace" + of, deep, (g, in) -> g.cnn().depthToSpace(in[0], 2, layout)),
        op("spaceToDepth" + of, wide, (g, in) -> g.cnn().spaceToDepth(in[0], 2, layout)));
  }

  private static Stream<Arguments> sequences() {
    return Stream.of(Conv1DConfig.NCW, Conv1DConfig.NWC)
        .flatMap(
            format ->
                Stream.of(PaddingMode.values())
                    .map(
                        padding -> {
                          Conv1DConfig config =
                              Conv1DConfig.builder()
                                  .k(2)
                                  .d(2)
                                  .dataFormat(format)
                                  .paddingMode(padding)
                                  .build();
                          return op(
                              "conv1d, " + format + ", " + padding,
                              inputs(real(1, 3, 3), real(2, 3, 2), real(2)),
                              (g, x) -> g.cnn().conv1d(x[0], x[1], x[2], config));
                        }));
  }

  private static Stream<Arguments> volumes() {
    Conv3DConfig conv = Conv3DConfig.builder().kD(2).kH(2).kW(2).build();
    Pooling3DConfig pool = Pooling3DConfig.builder().kD(2).kH(2).kW(2).isNCDHW(false).build();
    int[] blocks = {2, 2};
    int[] none = {0, 0};
    return Stream.of(
        op(
            "conv3d",
            inputs(real(1, 2, 3, 2, 2), real(2, 2, 2, 2, 1)),
            (g, x) -> g.cnn().conv3d(x[0], x[1], conv)),
        op("maxPooling3d", real(1, 2, 2, 2, 2), (g, x) -> g.cnn().maxPooling3d(x[0], pool)),
        op("avgPooling3d", real(1, 2, 2, 2, 2), (g, x) -> g.cnn().avgPooling3d(x[0], pool)),
        op("upsampling2d", real(1, 3, 3, 3), (g, x) -> g.cnn().upsampling2d(x[0], 2, 3, true)),
        op(
            "batchToSpace",
            real(4, 2, 2, 3),
            (g, x) -> g.cnn().batchToSpace(x[0], blocks, none, 0, 0)),
        op(
            "spaceToBatch",
            real(1, 3, 3, 3),
            (g, x) -> g.cnn().spaceToBatch(x[0], blocks, new int[] {0, 1}, 1, 0)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void gradient_ofALayer_isThatOfDifferences(String name, HostOps op) throws IOException {
    op.assertGradients(directory);
  }

  @ParameterizedTest
  @EnumSource(
      value = LSTMDataFormat.class,
      names = {"TNS", "NST", "NTS"})
  void gradient_ofAnLstmLayer_isThatOfDifferences(LSTMDataFormat format) {
    Arguments layer =
        several(
            "lstmLayer",
            inputs(small(3, 3, 3), small(3, 12), small(3, 12), small(12)),
            (g, x) -> lstm(g, x, format));
    ((HostOps) layer.get()[1]).assertGradientsOfCopies(); // no graph from a file has its settings
  }

  private static SDVariable[] lstm(SameDiff graph, SDVariable[] x, LSTMDataFormat format) {
    LSTMLayerWeights weights =
        LSTMLayerWeights.builder().weights(x[1]).rWeights(x[2]).bias(x[3]).build();
    LSTMLayerConfig config =
        LSTMLayerConfig.builder()
            .lstmdataformat(format)
            .directionMode(LSTMDirectionMode.FWD)
            .build();
    return graph.rnn().lstmLayer(x[0], weights, config);
  }
}
