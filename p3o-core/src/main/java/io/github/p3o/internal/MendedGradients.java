package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.util.SameDiffUtils;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.impl.shape.Gather;
import org.nd4j.linalg.api.ops.impl.transforms.pairwise.arithmetic.bp.AddBpOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Gradients of ops that a host's graph is likely to have, and whose own in ND4J 1.0.0-M1.1 is wrong
 * without a word, or missing. {@link RefusedGradients} names those that are wrong and stay so.
 */
final class MendedGradients {

  /** The gradient by each argument of an op, null for what has none. */
  @FunctionalInterface
  interface Rule {

    /**
     * The gradient by each argument.
     *
     * @param incoming ∂loss/∂ each output of the op
     */
    List<@Nullable SDVariable> gradients(DifferentialFunction op, List<SDVariable> incoming);
  }

  /** By ND4J's name of the op. */
  private static final ImmutableMap<String, Rule> RULES =
      ImmutableMap.<String, Rule>builder()
          .putAll(PairwiseGradients.RULES)
          .putAll(LossGradients.RULES)
          .putAll(SegmentGradients.RULES)
          .put("log_softmax", (op, g) -> Arrays.asList(ofLogSoftmax(op, g.get(0))))
          .put("reduce_logsumexp", (op, g) -> Arrays.asList(ofLogSumExp(op, g.get(0))))
          .put("precise_gelu", (op, g) -> Arrays.asList(ofPreciseGelu(op.arg(), g.get(0))))
          .put("clipbynorm", (op, g) -> Arrays.asList(ofClipByNorm(op, g.get(0))))
          .put("cumprod", (op, g) -> Arrays.asList(ofCumProd(op, g.get(0))))
          .put("matrix_inverse", (op, g) -> Arrays.asList(ofInverse(op, g.get(0))))
          .put("identity_n", (op, g) -> new ArrayList<>(g))
          .buildOrThrow();

  private MendedGradients() {}

  /**
   * The gradient by each argument of an op.
   *
   * @param incoming ∂loss/∂ each of the op's outputs
   * @return in the order of its arguments, null for what has none; empty if its own is right
   * @throws IllegalArgumentException for what is wrong and not mended
   */
  static Optional<List<@Nullable SDVariable>> of(
      DifferentialFunction op, List<SDVariable> incoming) {
    RefusedGradients.check(op);
    if (op instanceof Gather gather) {
      return ofGather(gather, incoming.get(0));
    }
    if (op.opName().equals("split") && op.args().length == 1) {
      int axis = Math.toIntExact(numbers(op)[1]);
      SDVariable whole = op.getSameDiff().concat(axis, incoming.toArray(SDVariable[]::new));
      return Optional.of(Arrays.asList(whole));
    }
    Rule rule = RULES.get(op.opName());
    return rule == null ? Optional.empty() : Optional.of(rule.gradients(op, incoming));
  }

  /** The arguments that native code reads as whole numbers. */
  static long[] numbers(DifferentialFunction op) {
    return ((CustomOp) op).iArgs();
  }

  private static int[] axes(DifferentialFunction op, int from) {
    return Arrays.stream(numbers(op)).skip(from).mapToInt(Math::toIntExact).toArray();
  }

  /** A gradient summed over the axes along which its variable was broadcast. */
  static SDVariable summedTo(SDVariable variable, SDVariable gradient) {
    return new AddBpOp(variable.getSameDiff(), variable, gradient, gradient).outputVariables()[0];
  }

  /** {@code g − softmax(x) Σ g}. */
  private static SDVariable ofLogSoftmax(DifferentialFunction op, SDVariable incoming) {
    long[] axes = numbers(op);
    int axis = axes.length == 0 ? -1 : Math.toIntExact(axes[0]);
    SDVariable softmax = Ops.exp(op.outputVariable());
    return Ops.subtract(incoming, Ops.multiply(softmax, Ops.sumKeeping(incoming, axis)));
  }

  /** {@code g exp(x − y)}. */
  private static SDVariable ofLogSumExp(DifferentialFunction op, SDVariable incoming) {
    int[] axes = axes(op, 0);
    boolean kept = axes.length == 0 || ((CustomOp) op).tArgs()[0] != 0;
    SDVariable x = op.arg();
    SDVariable y = kept ? op.outputVariable() : keeping(x, axes, op.outputVariable());
    SDVariable g = kept ? incoming : keeping(x, axes, incoming);
    return Ops.multiply(Ops.exp(Ops.subtract(x, y)), g);
  }

  /** What was reduced, with the axes that it was reduced over as size 1. */
  private static SDVariable keeping(SDVariable x, int[] axes, SDVariable reduced) {
    SDVariable constant = x.getSameDiff().constant(Nd4j.createFromArray(axes));
    return SameDiffUtils.reductionBroadcastableWithOrigShape(x, constant, reduced);
  }

  /**
   * Of {@code x σ(u)}, u = 2 √(2/π) (x + c³x³), c = 0.044715: {@code σ + x σ (1 − σ) u′}. The third
   * power of c is ND4J's; GPT-2 has c itself. ND4J's gradient has constants of six digits.
   */
  private static SDVariable ofPreciseGelu(SDVariable x, SDVariable incoming) {
    double k = 2 * Math.sqrt(2 / Math.PI);
    double cubic = k * Math.pow(0.044715, 3);
    SDVariable square = Ops.multiply(x, x);
    SDVariable u = Ops.multiply(x, Ops.add(Ops.multiply(square, cubic), k));
    SDVariable slope = Ops.add(Ops.multiply(square, 3 * cubic), k);
    SDVariable sigmoid = Ops.sigmoid(u);
    SDVariable rest = Ops.multiply(Ops.multiply(x, slope), Ops.not(sigmoid));
    return Ops.multiply(incoming, Ops.multiply(sigmoid, Ops.add(rest, 1.0)));
  }

  /** Of {@code x c/n} where the norm n is above c: {@code g c/n − x Σ(g x) c/n³}; elsewhere g. */
  private static SDVariable ofClipByNorm(DifferentialFunction op, SDVariable incoming) {
    double bound = ((CustomOp) op).tArgs()[0];
    int[] axes = axes(op, 0);
    SDVariable x = op.arg();
    SDVariable norm = Ops.sqrt(Ops.sumKeeping(Ops.multiply(x, x), axes));
    SDVariable clipped = Ops.isGreater(norm, bound);
    // 1 where nothing is clipped, so that a norm of 0 divides nothing
    SDVariable inverse = Ops.reciprocal(Ops.add(Ops.multiply(norm, clipped), Ops.not(clipped)));
    SDVariable scale =
        Ops.add(Ops.multiply(Ops.multiply(clipped, inverse), bound), Ops.not(clipped));
    SDVariable along = Ops.sumKeeping(Ops.multiply(incoming, x), axes);
    SDVariable factor = Ops.multiply(Ops.multiply(Ops.multiply(along, inverse), inverse), clipped);
    return Ops.multiply(Ops.subtract(incoming, Ops.multiply(x, factor)), scale);
  }

  /** The sum of {@code g y} over what each element is a factor of, divided by it: NaN where 0. */
  private static SDVariable ofCumProd(DifferentialFunction op, SDVariable incoming) {
    long[] numbers = numbers(op);
    SDVariable product = Ops.multiply(incoming, op.outputVariable());
    SDVariable sum =
        op.getSameDiff().cumsum(product, numbers[0] != 0, numbers[1] == 0, axes(op, 2));
    return Ops.multiply(sum, Ops.reciprocal(op.arg()));
  }

  /** {@code −yᵀ g yᵀ}. */
  private static SDVariable ofInverse(DifferentialFunction op, SDVariable incoming) {
    SameDiff graph = op.getSameDiff();
    SDVariable y = op.outputVariable();
    SDVariable left = graph.mmul(y, incoming, true, false, false);
    return Ops.negate(graph.mmul(left, y, false, true, false));
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
    boolean isOfRank1 = shape != null && shape.length == 1;
    if (op.args().length > 2 || (isOfRank1 && !isVector(table))) {
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

  /** ND4J's gradient of a vector's elements fails. */
  private static boolean isVector(SDVariable table) {
    long @Nullable [] shape = table.getShape();
    return shape != null && shape.length == 1;
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
