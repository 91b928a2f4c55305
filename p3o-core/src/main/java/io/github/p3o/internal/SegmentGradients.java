package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * Gradients of the greatest and least rows of segments: ND4J gives each of equal ones the whole.
 */
final class SegmentGradients {

  /** By ND4J's name of the op. */
  static final ImmutableMap<String, MendedGradients.Rule> RULES =
      ImmutableMap.of(
          "segment_max", (op, g) -> ofExtreme(op, g.get(0)),
          "segment_min", (op, g) -> ofExtreme(op, g.get(0)),
          "unsorted_segment_max", (op, g) -> ofExtreme(op, g.get(0)),
          "unsorted_segment_min", (op, g) -> ofExtreme(op, g.get(0)));

  private SegmentGradients() {}

  /** Equal values of a segment share what comes in. */
  private static List<@Nullable SDVariable> ofExtreme(
      DifferentialFunction op, SDVariable incoming) {
    SameDiff graph = op.getSameDiff();
    SDVariable x = op.arg(0);
    SDVariable ids = op.arg(1);
    SDVariable isExtreme =
        x.eq(graph.gather(op.outputVariable(), ids, 0)).castTo(incoming.dataType());
    SDVariable count =
        op.opName().startsWith("unsorted")
            ? graph.unsortedSegmentSum(
                isExtreme, ids, Math.toIntExact(MendedGradients.numbers(op)[0]))
            : graph.segmentSum(isExtreme, ids);
    // A segment without rows is divided by 0, and read by none.
    SDVariable each = graph.gather(Ops.multiply(incoming, Ops.reciprocal(count)), ids, 0);
    return Arrays.asList(Ops.multiply(isExtreme, each), null);
  }
}
