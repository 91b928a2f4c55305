package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.impl.loss.SparseSoftmaxCrossEntropyLossWithLogits;
import org.nd4j.linalg.api.ops.impl.shape.Gather;
import org.nd4j.linalg.api.ops.impl.transforms.custom.LogSoftMax;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Gradients of ops that a host's graph is likely to have, and whose own in ND4J 1.0.0-M1.1 is wrong
 * without a word, or missing.
 */
final class MendedGradients {

  private MendedGradients() {}

  /**
   * The gradient by each argument of an op.
   *
   * @param incoming ∂loss/∂ the op's output
   * @return in the order of its arguments, null for what has none; empty if its own is right
   * @throws IllegalArgumentException for what is wrong and not mended
   */
  static Optional<List<@Nullable SDVariable>> of(DifferentialFunction op, SDVariable incoming) {
    if (op instanceof LogSoftMax) {
      return Optional.of(Arrays.asList(ofLogSoftmax(op, incoming)));
    }
    if (op instanceof SparseSoftmaxCrossEntropyLossWithLogits) {
      // The op's own is that of the sum, whatever comes in.
      SDVariable ofSum = op.doDiff(List.of(incoming)).get(1);
      SDVariable column = op.getSameDiff().expandDims(incoming, -1);
      return Optional.of(Arrays.asList(null, Ops.multiply(ofSum, column)));
    }
    return op instanceof Gather gather ? ofGather(gather, incoming) : Optional.empty();
  }

  /** {@code g − softmax(x) Σ g}. */
  private static SDVariable ofLogSoftmax(DifferentialFunction op, SDVariable incoming) {
    long[] axes = ((CustomOp) op).iArgs();
    int axis = axes.length == 0 ? -1 : Math.toIntExact(axes[0]);
    SDVariable softmax = Ops.exp(op.outputVariable());
    return Ops.subtract(incoming, Ops.multiply(softmax, Ops.sumKeeping(incoming, axis)));
  }

  /** Ids that are numbers of the op have none; those of several dimensions another, or none. */
  private static Optional<List<@Nullable SDVariable>> ofGather(Gather op, SDVariable incoming) {
    SameDiff graph = op.getSameDiff();
    long[] numbers = op.iArgs();
    SDVariable table = op.arg(0);
    if (op.args().length == 1) {
      int[] ids = Arrays.stream(numbers).skip(1).mapToInt(Math::toIntExact).toArray();
      SDVariable constant = graph.constant(Nd4j.createFromArray(ids));
      Gather same = new Gather(graph, table, constant, Math.toIntExact(numbers[0]));
      return Optional.of(Arrays.asList(same.doDiff(List.of(incoming)).get(0)));
    }
    long @Nullable [] shape = op.arg(1).getShape();
    if (op.args().length > 2 || (shape != null && shape.length == 1)) {
      return Optional.empty();
    }
    checkArgument(
        numbers.length > 0 && numbers[0] == 0,
        "graph: expected ids of one dimension in a gather along another axis than 0, got %s of"
            + " shape %s",
        op.arg(1).name(),
        Arrays.toString(shape));
    return Optional.of(Arrays.asList(sumsOfRows(table, op.arg(1), incoming), null));
  }

  /**
   * For each row of a table the sum of what comes in for its id; as matrices, whatever the rank.
   */
  private static SDVariable sumsOfRows(SDVariable table, SDVariable ids, SDVariable incoming) {
    SameDiff graph = table.getSameDiff();
    SDVariable rest = graph.constant(Nd4j.createFromArray(-1L));
    SDVariable first =
        graph.stridedSlice(table.shape(), new long[] {0}, new long[] {1}, new long[] {1});
    SDVariable zeros = graph.reshape(graph.zerosLike(table), graph.concat(0, first, rest));
    SDVariable count = graph.reshape(graph.size(ids).castTo(DataType.INT64), 1);
    SDVariable updates = graph.reshape(incoming, graph.concat(0, count, rest));
    SDVariable sums = graph.scatterAdd(zeros, graph.reshape(ids, -1), updates);
    return graph.reshape(sums, table.shape());
  }
}
