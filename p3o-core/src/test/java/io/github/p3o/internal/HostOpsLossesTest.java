package io.github.p3o.internal;

import static io.github.p3o.internal.HostOps.constant;
import static io.github.p3o.internal.HostOps.ids;
import static io.github.p3o.internal.HostOps.inputs;
import static io.github.p3o.internal.HostOps.op;
import static io.github.p3o.internal.HostOps.positive;
import static io.github.p3o.internal.HostOps.real;

import io.github.p3o.internal.HostOps.Input;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.loss.LossReduce;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.ops.SDLoss;

/** Gradients of ND4J's losses where other ops follow, which their own forget. */
class HostOpsLossesTest {

  @TempDir Path directory;

  /** A loss of labels, predictions and weights. */
  private interface Loss {
    SDVariable on(
        SDLoss losses,
        SDVariable labels,
        SDVariable y,
        @Nullable SDVariable weights,
        LossReduce reduce);
  }

  private static final double[][] CHOICES = {{0, 1, 0}, {1, 0, 0}, {0, 0, 1}, {0, 1, 0}};
  private static final double[][] NUMBERS = {
    {0.4, 1.7, 1.2}, {2.3, 1.1, 0.6}, {1.6, 0.9, 3.1}, {0.2, 1.4, 2.6}
  };

  /** With each reduction, by predictions and weights; what the loss gives is multiplied. */
  private static Stream<Arguments> loss(
      String name, double[][] labels, Input predictions, long[] weights, Loss loss) {
    return Stream.of(LossReduce.values())
        .flatMap(
            reduce ->
                Stream.of(
                    op(
                        name + ", " + reduce,
                        predictions,
                        (g, x) ->
                            loss.on(g.loss(), constant(x[0], labels), x[0], null, reduce).mul(1.7)),
                    op(
                        name + ", weights, " + reduce,
                        inputs(predictions, positive(weights)),
                        (g, x) ->
                            loss.on(g.loss(), constant(x[0], labels), x[0], x[1], reduce)
                                .mul(1.7))));
  }

  static Stream<Arguments> ops() {
    Input y = real(4, 3);
    long[] full = {4, 3};
    long[] column = {4, 1};
    return Stream.of(
            loss(
                "absoluteDifference",
                NUMBERS,
                y,
                full,
                (l, t, p, w, r) -> l.absoluteDifference(t, p, w, r)),
            loss("hingeLoss", CHOICES, y, full, (l, t, p, w, r) -> l.hingeLoss(t, p, w, r)),
            loss("huberLoss", NUMBERS, y, column, (l, t, p, w, r) -> l.huberLoss(t, p, w, r, 0.8)),
            loss(
                "logLoss",
                CHOICES,
                new Input(0.1, 0.7, 4, 3),
                full,
                (l, t, p, w, r) -> l.logLoss(t, p, w, r, 1e-7)),
            loss(
                "logPoisson", NUMBERS, y, full, (l, t, p, w, r) -> l.logPoisson(t, p, w, r, false)),
            loss(
                "meanPairwise",
                NUMBERS,
                y,
                column,
                (l, t, p, w, r) -> l.meanPairwiseSquaredError(t, p, w, r)),
            loss(
                "meanSquaredError",
                NUMBERS,
                y,
                column,
                (l, t, p, w, r) -> l.meanSquaredError(t, p, w, r)),
            loss(
                "sigmoidCrossEntropy",
                CHOICES,
                y,
                full,
                (l, t, p, w, r) -> l.sigmoidCrossEntropy(t, p, w, r, 0.2)),
            loss(
                "cosineDistance",
                NUMBERS,
                y,
                column,
                (l, t, p, w, r) -> l.cosineDistance(t, p, w, r, 1)),
            others())
        .flatMap(s -> s);
  }

  private static Stream<Arguments> others() {
    Input y = real(4, 3);
    return Stream.of(
        op("softmaxCrossEntropy, NONE", y, (g, x) -> softmax(x[0], null, LossReduce.NONE)),
        op(
            "softmaxCrossEntropy, SUM",
            y,
            (g, x) -> softmax(x[0], constant(x[0], 1, 2, 0, 3), LossReduce.SUM)),
        op(
            "softmaxCrossEntropy, mean",
            y,
            (g, x) -> softmax(x[0], constant(x[0], 1, 2, 0, 3), LossReduce.MEAN_BY_WEIGHT)),
        op("l2Loss", y, (g, x) -> g.loss().l2Loss(x[0]).mul(0.7)),
        op("sparseSoftmaxCrossEntropy", y, HostOpsLossesTest::sparse),
        op(
            "meanSquaredError, labels",
            inputs(y, y),
            (g, x) -> g.loss().meanSquaredError(x[0], x[1], null).mul(1.7)));
  }

  private static SDVariable softmax(SDVariable x, @Nullable SDVariable weights, LossReduce reduce) {
    return x.getSameDiff()
        .loss()
        .softmaxCrossEntropy(constant(x, CHOICES), x, weights, reduce, 0.2)
        .mul(1.7);
  }

  private static SDVariable sparse(SameDiff graph, SDVariable[] x) {
    return graph
        .loss()
        .sparseSoftmaxCrossEntropy(x[0], ids(graph, 2, 0, 1, 1))
        .mul(constant(x[0], 1, 2, 3, 4));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void gradient_ofAnOp_isThatOfDifferences(String name, HostOps op) throws IOException {
    op.assertGradients(directory);
  }
}
