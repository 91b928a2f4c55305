package io.github.p3o.internal;

import static io.github.p3o.internal.MendedGradients.summedTo;

import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * Gradients of ops of two arrays, each summed over the axes along which its array was broadcast.
 * ND4J's own forget that sum, or take a scalar for one of the elements.
 */
final class PairwiseGradients {

  /** By ND4J's name of the op. */
  static final ImmutableMap<String, MendedGradients.Rule> RULES =
      ImmutableMap.<String, MendedGradients.Rule>builder()
          .put("minimum", (op, g) -> ofExtreme(op, g.get(0), op.arg(0).lt(op.arg(1))))
          .put("maximum", (op, g) -> ofExtreme(op, g.get(0), op.arg(0).gt(op.arg(1))))
          .put("divide", (op, g) -> ofQuotient(op, g.get(0)))
          .put("realdiv", (op, g) -> ofQuotient(op, g.get(0)))
          .put("reversedivide", (op, g) -> ofReverseQuotient(op, g.get(0)))
          .put("squaredsubtract", (op, g) -> ofSquaredDifference(op, g.get(0)))
          .put("tf_atan2", (op, g) -> ofAngle(op, g.get(0)))
          .put("floormod", (op, g) -> ofRemainder(op, g.get(0)))
          .put("cross", (op, g) -> ofCross(op, g.get(0)))
          .put("assign", (op, g) -> Arrays.asList(null, summedTo(op.arg(1), g.get(0))))
          .put("euclidean", PairwiseGradients::ofDistance)
          .put("manhattan", PairwiseGradients::ofDistance)
          .put("cosinesimilarity", PairwiseGradients::ofDistance)
          .put("cosinedistance", PairwiseGradients::ofDistance)
          .buildOrThrow();

  private PairwiseGradients() {}

  private static List<@Nullable SDVariable> summed(
      DifferentialFunction op, SDVariable toFirst, SDVariable toSecond) {
    return Arrays.asList(summedTo(op.arg(0), toFirst), summedTo(op.arg(1), toSecond));
  }

  /** Of two equal values each has half. */
  private static List<@Nullable SDVariable> ofExtreme(
      DifferentialFunction op, SDVariable incoming, SDVariable isFirst) {
    SDVariable ties = op.arg(0).eq(op.arg(1)).castTo(incoming.dataType());
    SDVariable share = Ops.add(isFirst.castTo(incoming.dataType()), Ops.multiply(ties, 0.5));
    return summed(op, Ops.multiply(incoming, share), Ops.multiply(incoming, Ops.not(share)));
  }

  /** Of {@code a/b}: {@code g/b} and {@code −y g/b}. */
  private static List<@Nullable SDVariable> ofQuotient(
      DifferentialFunction op, SDVariable incoming) {
    SDVariable toFirst = Ops.multiply(incoming, Ops.reciprocal(op.arg(1)));
    return summed(op, toFirst, Ops.negate(Ops.multiply(toFirst, op.outputVariable())));
  }

  /** Of {@code b/a}. */
  private static List<@Nullable SDVariable> ofReverseQuotient(
      DifferentialFunction op, SDVariable incoming) {
    SDVariable toSecond = Ops.multiply(incoming, Ops.reciprocal(op.arg(0)));
    return summed(op, Ops.negate(Ops.multiply(toSecond, op.outputVariable())), toSecond);
  }

  /** {@code ±2 g (a − b)}. */
  private static List<@Nullable SDVariable> ofSquaredDifference(
      DifferentialFunction op, SDVariable incoming) {
    SDVariable difference = Ops.subtract(op.arg(0), op.arg(1));
    SDVariable toFirst = Ops.multiply(Ops.multiply(incoming, difference), 2);
    return summed(op, toFirst, Ops.negate(toFirst));
  }

  /** Of the angle of (x, y), the op's arguments y and x: {@code g x/r²} and {@code −g y/r²}. */
  private static List<@Nullable SDVariable> ofAngle(DifferentialFunction op, SDVariable incoming) {
    SDVariable y = op.arg(0);
    SDVariable x = op.arg(1);
    SDVariable square = Ops.add(Ops.multiply(x, x), Ops.multiply(y, y));
    SDVariable scaled = Ops.multiply(incoming, Ops.reciprocal(square));
    return summed(op, Ops.multiply(scaled, x), Ops.negate(Ops.multiply(scaled, y)));
  }

  /** Of {@code a − b ⌊a/b⌋}: {@code g} and {@code −g ⌊a/b⌋}. */
  private static List<@Nullable SDVariable> ofRemainder(
      DifferentialFunction op, SDVariable incoming) {
    SameDiff graph = op.getSameDiff();
    SDVariable times = graph.math().floor(op.arg(0).div(op.arg(1)));
    return summed(op, incoming, Ops.negate(Ops.multiply(incoming, times)));
  }

  /** Of {@code a × b}: {@code b × g} and {@code g × a}. */
  private static List<@Nullable SDVariable> ofCross(DifferentialFunction op, SDVariable incoming) {
    SameDiff graph = op.getSameDiff();
    return Arrays.asList(
        graph.math().cross(op.arg(1), incoming), graph.math().cross(incoming, op.arg(0)));
  }

  private static List<@Nullable SDVariable> ofDistance(
      DifferentialFunction op, List<SDVariable> incoming) {
    List<SDVariable> own = op.doDiff(incoming);
    return summed(op, own.get(0), own.get(1));
  }
}
