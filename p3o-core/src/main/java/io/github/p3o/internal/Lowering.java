package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Ints;
import com.google.common.primitives.Longs;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.ops.impl.transforms.same.Negative;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Exp;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Log;

/**
 * Replaces ops of a gradient graph by equal ones: those that ND4J runs slowly by cheaper ones,
 * without the outputs that nothing reads, and the scatter-add of gather's gradient, which loses
 * updates when several threads meet at one row (Nd4jFaultsTest shows it), by a sum over segments.
 */
final class Lowering {

  private static final String END = "at which ND4J ends the process";

  /** Threads of a block. */
  private static final int MAX_IDS_ON_A_DEVICE = 1024;

  private Lowering() {}

  /** Emits the op in another form; false if it is to be run as it is. */
  static boolean emit(Planner planner, Node node) {
    List<String> in = node.inputs();
    return switch (node.opName()) {
      case "matmul" -> emitProducts(planner, node);
      case "matmul_bp" -> emitMatmulGradient(planner, node);
      case "add_bp", "subtract_bp", "multiply_bp" -> emitArithmeticGradient(planner, node);
      case Attention.STEP -> AttentionStep.emit(planner, node);
      case Attention.GRADIENT_STEP -> AttentionGradientStep.emit(planner, node);
      case "scatter_add" -> emitScatterAdd(planner, node);
      case "gather" -> emitGather(planner, node);
      case "softmax", "softmax_bp", "log_softmax" -> emitSoftmax(planner, node);
      case "repeat", "truncatediv" -> throw new IllegalArgumentException(END);
      case "segment_max",
          "segment_mean",
          "segment_min",
          "segment_prod",
          "segment_sum",
          "unsorted_segment_max",
          "unsorted_segment_mean",
          "unsorted_segment_min",
          "unsorted_segment_prod",
          "unsorted_segment_sqrt_n",
          "unsorted_segment_sum" ->
          refuseManyIds(planner, node);
      case "strided_slice" -> refuseNegativeStrides(node);
      case "reduce_logsumexp" -> refuseUnsortedAxes(node);
      case "add" -> emitSumWithZero(planner, node);
      case "permute" ->
          in.size() == 2
              && planner.isConstant(in.get(1))
              && isIdentity(planner.array(in.get(1)).toIntVector())
              && planner.share(node.outputs().get(0), in.get(0), planner.shape(in.get(0)));
      default -> false;
    };
  }

  /** Whether an op needs no more of an input than its shape. */
  static boolean readsShapeOnly(Planner planner, Node node, int slot) {
    return switch (node.opName()) {
      case "reduce_sum_bp", "reduce_mean_bp" -> slot == 0;
      case "add_bp", "subtract_bp" -> slot < 2;
      case "multiply_bp" -> slot < 2 && !planner.isNeeded(node.outputs().get(1 - slot));
      default -> false;
    };
  }

  private static boolean emitGather(Planner planner, Node node) {
    checkArgument(
        node.inputs().size() < 2
            || planner.shape(node.input(0)).length != 1
            || planner.shape(node.input(1)).length < 2,
        "of a vector by ids of several dimensions, %s",
        END);
    if (isOfRows(node) && GatherStep.emit(planner, node)) {
      return true;
    }
    if (node.inputs().size() > 1) {
      long[] axes = ((CustomOp) node.op()).iArgs();
      INDArray table = planner.array(node.input(0));
      int axis = axes.length == 0 ? 0 : Math.toIntExact(axes[0]);
      planner.limitIds(node.input(1), table.size(axis));
    }
    return false;
  }

  /**
   * The op's numbers are five masks, then for all axes where they begin, end, and their strides.
   */
  private static boolean refuseNegativeStrides(Node node) {
    long[] numbers = ((CustomOp) node.op()).iArgs();
    int axes = Math.max(0, numbers.length - 5) / 3;
    checkArgument(
        Arrays.stream(numbers).skip(numbers.length - axes).allMatch(stride -> stride > 0),
        "strides below 0, %s; use reverse instead",
        END);
    return false;
  }

  /** ND4J then gives arbitrary numbers. */
  private static boolean refuseUnsortedAxes(Node node) {
    CustomOp op = (CustomOp) node.op();
    long[] axes = op.iArgs();
    boolean kept = op.tArgs().length > 0 && op.tArgs()[0] != 0;
    checkArgument(
        !kept
            || IntStream.range(0, axes.length).allMatch(i -> axes[i] > (i == 0 ? -1 : axes[i - 1])),
        "axes that are kept, and counted from the end or not in order");
    return false;
  }

  private static boolean isOfRows(Node node) {
    long[] axes = ((CustomOp) node.op()).iArgs();
    return axes.length == 0 || (axes.length == 1 && axes[0] == 0);
  }

  private static boolean isIdentity(int[] permutation) {
    return Arrays.equals(permutation, IntStream.range(0, permutation.length).toArray());
  }

  /** ∂/∂a and ∂/∂b of {@code y = a b} or {@code y = a bᵀ}: plain matrix products. */
  private static boolean emitMatmulGradient(Planner planner, Node node) {
    long[] flags = ((CustomOp) node.op()).iArgs();
    String a = node.input(0);
    String b = node.input(1);
    String g = node.input(2);
    boolean transposed = flags.length > 1 && flags[1] == 1;
    boolean plain = Arrays.stream(flags).sum() == (transposed ? 1 : 0);
    if (!plain || planner.array(a).rank() != planner.array(b).rank()) {
      return false;
    }
    String toA = node.outputs().get(0);
    String toB = node.outputs().get(1);
    if (planner.isNeeded(toA)) {
      int[] flagsToA = {0, transposed ? 0 : 1, 0};
      emitProduct(planner, ImmutableList.of(g, b), flagsToA, toA, planner.array(a).shape());
    }
    if (planner.isNeeded(toB)) {
      int[] flagsToB = {1, 0, 0};
      List<String> inputs = transposed ? ImmutableList.of(g, a) : ImmutableList.of(a, g);
      emitProduct(planner, inputs, flagsToB, toB, planner.array(b).shape());
    }
    return true;
  }

  /** Products on a device; false on a CPU, and for what {@link Products} does not take. */
  private static boolean emitProducts(Planner planner, Node node) {
    CustomOp op = (CustomOp) node.op();
    int[] flags = Arrays.copyOf(Ints.toArray(Longs.asList(op.iArgs())), 3);
    return flags[2] == 0
        && isPlain(op.tArgs())
        && emitOnDevice(planner, node.inputs(), flags, node.output());
  }

  /** α = 1 and β = 0. */
  private static boolean isPlain(double[] scales) {
    return (scales.length < 1 || scales[0] == 1) && (scales.length < 2 || scales[1] == 0);
  }

  private static void emitProduct(
      Planner planner, List<String> inputs, int[] flags, String output, long[] shape) {
    if (!emitOnDevice(planner, inputs, flags, output)) {
      emit(planner, "matmul", inputs, flags, output, shape);
    }
  }

  /** By flags that say which side is transposed. */
  private static boolean emitOnDevice(
      Planner planner, List<String> inputs, int[] flags, String output) {
    INDArray a = planner.array(inputs.get(0));
    INDArray b = planner.array(inputs.get(1));
    if (!Products.takes(a, b)) {
      return false;
    }
    long[] shape = a.shape().clone();
    shape[shape.length - 2] = a.size(flags[0] == 1 ? -1 : -2);
    shape[shape.length - 1] = b.size(flags[1] == 1 ? -2 : -1);
    INDArray array = planner.allocate(output, a.dataType(), shape);
    planner.emit(new Products.Product(array, a, flags[0] == 1, b, flags[1] == 1, 0).step(), inputs);
    return true;
  }

  /** ∂/∂a and ∂/∂b of a ± b and a · b, summed over the axes along which they were broadcast. */
  private static boolean emitArithmeticGradient(Planner planner, Node node) {
    String name = node.opName();
    List<String> in = node.inputs();
    String g = in.get(2);
    for (int side = 0; side < 2; side++) {
      String output = node.outputs().get(side);
      if (!planner.isNeeded(output)) {
        continue;
      }
      long[] target = planner.shape(in.get(side));
      boolean broadcast = !Arrays.equals(target, planner.array(g).shape());
      String factor = name.equals("multiply_bp") ? in.get(1 - side) : null;
      if (factor == null && name.equals("subtract_bp") && side == 1) {
        String reduced = broadcast ? planner.temporary(1) : g;
        if (broadcast) {
          emitReduction(planner, g, reduced, target);
        }
        emit(planner, new Negative(), ImmutableList.of(reduced), output, target);
        releaseTemporary(planner, broadcast, reduced);
      } else if (factor == null) {
        emitReduction(planner, g, output, target);
      } else {
        String product = broadcast ? planner.temporary(1) : output;
        emit(
            planner,
            "multiply",
            ImmutableList.of(g, factor),
            new int[0],
            product,
            planner.array(g).shape());
        if (broadcast) {
          emitReduction(planner, product, output, target);
          planner.release(product);
        }
      }
    }
    return true;
  }

  private static void releaseTemporary(Planner planner, boolean temporary, String name) {
    if (temporary) {
      planner.release(name);
    }
  }

  /** Sums {@code source} over the axes along which {@code target} was broadcast. */
  private static void emitReduction(Planner planner, String source, String output, long[] target) {
    long[] shape = planner.array(source).shape();
    if (Arrays.equals(shape, target)) {
      if (!planner.share(output, source, target)) {
        emit(planner, "identity", ImmutableList.of(source), new int[0], output, target);
      }
      return;
    }
    int missing = shape.length - target.length;
    int[] axes =
        IntStream.range(0, shape.length)
            .filter(i -> i < missing || (target[i - missing] == 1 && shape[i] != 1))
            .toArray();
    String sum = emitKept(planner, "reduce_sum", source, axes);
    planner.share(output, sum, target);
    planner.release(sum);
  }

  /** {@code a + 0 = a}: the gradient of a value whose other use was detached. */
  private static boolean emitSumWithZero(Planner planner, Node node) {
    for (int side = 0; side < 2; side++) {
      if (!planner.isZero(node.input(1 - side))) {
        continue;
      }
      long[] shape = planner.shape(node.input(side));
      if (Arrays.equals(shape, planner.shape(node.input(1 - side)))) {
        return planner.share(node.output(), node.input(side), shape);
      }
    }
    return false;
  }

  /** On a device threads of ND4J's own softmax overwrite what others still read (ADR 54). */
  private static boolean emitSoftmax(Planner planner, Node node) {
    String x = node.input(0);
    if (Fusion.isOnCpu() || planner.array(x).rank() == 0) {
      return false;
    }
    int axis = axisOf(planner, node);
    switch (node.opName()) {
      case "softmax" -> emitSoftmax(planner, x, axis, node.output());
      case "log_softmax" -> emitLogSoftmax(planner, x, axis, node.output());
      default -> emitSoftmaxGradient(planner, x, node.input(1), axis, node.output());
    }
    return true;
  }

  private static int axisOf(Planner planner, Node node) {
    long[] arguments = ((CustomOp) node.op()).iArgs();
    int axis = arguments.length == 0 ? -1 : Math.toIntExact(arguments[0]);
    return axis < 0 ? axis + planner.array(node.input(0)).rank() : axis;
  }

  /** {@code x − max x}. */
  private static String emitShifted(Planner planner, String x, int axis, int reads) {
    String max = emitKept(planner, "reduce_max", x, axis);
    String shifted = emitPairwise(planner, "subtract", x, max, planner.temporary(reads));
    planner.release(max);
    return shifted;
  }

  private static void emitSoftmax(Planner planner, String x, int axis, String output) {
    String shifted = emitShifted(planner, x, axis, 1);
    String exp = emitSame(planner, new Exp(), shifted, 2);
    String sum = emitKept(planner, "reduce_sum", exp, axis);
    planner.release(exp);
    emitPairwise(planner, "divide", exp, sum, output);
    planner.release(exp);
    planner.release(sum);
  }

  /** {@code x − max x − ln Σ exp(x − max x)}. */
  private static void emitLogSoftmax(Planner planner, String x, int axis, String output) {
    String shifted = emitShifted(planner, x, axis, 2);
    String exp = emitSame(planner, new Exp(), shifted, 1);
    String sum = emitKept(planner, "reduce_sum", exp, axis);
    planner.release(exp);
    String log = emitSame(planner, new Log(), sum, 1);
    emitPairwise(planner, "subtract", shifted, log, output);
    planner.release(shifted);
    planner.release(log);
  }

  /** {@code s (g − Σ s g)} with {@code s} the softmax. */
  private static void emitSoftmaxGradient(
      Planner planner, String x, String g, int axis, String output) {
    String softmax = planner.temporary(2);
    emitSoftmax(planner, x, axis, softmax);
    String product = emitPairwise(planner, "multiply", softmax, g, planner.temporary(1));
    planner.release(softmax);
    String sum = emitKept(planner, "reduce_sum", product, axis);
    planner.release(product);
    String centred = emitPairwise(planner, "subtract", g, sum, planner.temporary(1));
    planner.release(sum);
    emitPairwise(planner, "multiply", centred, softmax, output);
    planner.release(centred);
    planner.release(softmax);
  }

  /** An op of each element, and one read of it done; gives a name to be read so many times. */
  private static String emitSame(Planner planner, DifferentialFunction op, String x, int reads) {
    String result = planner.temporary(reads);
    emit(planner, op, ImmutableList.of(x), result, planner.array(x).shape());
    planner.release(x);
    return result;
  }

  /** An op of two arrays, of which the second may be broadcast; gives the output's name. */
  private static String emitPairwise(
      Planner planner, String op, String a, String b, String output) {
    emit(planner, op, ImmutableList.of(a, b), new int[0], output, planner.array(a).shape());
    return output;
  }

  /** Reduces along axes, which stay as size 1. */
  private static String emitKept(Planner planner, String name, String x, int... axes) {
    long[] kept = planner.array(x).shape().clone();
    Arrays.stream(axes).forEach(axis -> kept[axis] = 1);
    String result = planner.temporary(1);
    DynamicCustomOp op =
        DynamicCustomOp.builder(name).addIntegerArguments(axes).addBooleanArguments(true).build();
    emit(planner, op, ImmutableList.of(x), result, kept);
    return result;
  }

  /** A device's own op has a thread for each id; with more it computes nothing and says nothing. */
  private static boolean refuseManyIds(Planner planner, Node node) {
    long ids = planner.array(node.input(1)).length();
    checkArgument(
        Fusion.isOnCpu() || ids <= MAX_IDS_ON_A_DEVICE,
        "expected at most %s ids on a device, got %s; a matrix product with one-hot rows sums more",
        MAX_IDS_ON_A_DEVICE,
        ids);
    return false;
  }

  /** {@code zeros.scatterAdd(ids, updates)} = the sums of the updates of each id. */
  private static boolean emitScatterAdd(Planner planner, Node node) {
    String into = node.input(0);
    String ids = node.input(1);
    String updates = node.input(2);
    long[] shape = planner.shape(into);
    if (planner.array(ids).rank() != 1) {
      throw new IllegalArgumentException(
          "gather: expected ids of rank 1, got rank " + planner.array(ids).rank());
    }
    if (planner.array(ids).length() == 1 && Fusion.isOnCpu()) {
      return false; // a single row cannot be lost, and the segment sum would not read it as one
    }
    boolean fromZero = planner.isZero(into);
    String output = node.outputs().get(0);
    String sums = fromZero ? output : planner.temporary(1);
    emitSums(planner, updates, ids, sums, shape);
    if (!fromZero) {
      emit(planner, "add", ImmutableList.of(into, sums), new int[0], output, shape);
      planner.release(sums);
    }
    return true;
  }

  /** The sums of the updates of each id; 0 where no id names a row. */
  private static void emitSums(
      Planner planner, String updates, String ids, String sums, long[] shape) {
    List<String> inputs = ImmutableList.of(updates, ids);
    INDArray output = planner.allocate(sums, planner.array(updates).dataType(), shape);
    if (Fusion.isOnCpu()
        && planner.isDenseFloat(updates)
        && planner.array(ids).dataType() == DataType.INT32
        && output.length() <= Fusion.MAX_LENGTH) {
      planner.emit(new ScatterStep(planner.array(updates), planner.array(ids), output), inputs);
      return;
    }
    if (!Fusion.isOnCpu()) {
      emitOneHotSums(planner, inputs, output);
      return;
    }
    // The segment sum leaves rows alone that no id names: they are set to 0 first.
    fill(planner, "zeros_as", ImmutableList.of(sums), output);
    fill(planner, "unsorted_segment_sum", inputs, output, Math.toIntExact(shape[0]));
  }

  private static void emitOneHotSums(Planner planner, List<String> inputs, INDArray output) {
    INDArray updates = planner.array(inputs.get(0));
    INDArray ids = planner.array(inputs.get(1));
    long rows = output.size(0);
    String name = planner.temporary(1);
    INDArray oneHot =
        planner.allocate(name, updates.dataType(), OneHotSums.idsAtATime(ids.length(), rows), rows);
    planner.emit(new OneHotSums(updates, ids, output, oneHot), inputs);
    planner.release(name);
  }

  private static void fill(
      Planner planner, String name, List<String> inputs, INDArray output, int... arguments) {
    DynamicCustomOp op = DynamicCustomOp.builder(name).addIntegerArguments(arguments).build();
    OpContext context = planner.contextFor(op, inputs);
    context.setOutputArray(0, output);
    planner.emit(op, inputs, context);
  }

  private static void emit(
      Planner planner,
      String op,
      List<String> inputs,
      int[] arguments,
      String output,
      long[] shape) {
    DynamicCustomOp custom = DynamicCustomOp.builder(op).addIntegerArguments(arguments).build();
    emit(planner, custom, inputs, output, shape);
  }

  private static void emit(
      Planner planner, DifferentialFunction op, List<String> inputs, String output, long[] shape) {
    OpContext context = planner.contextFor(op, inputs);
    DataType type = planner.array(inputs.get(0)).dataType();
    INDArray array = planner.allocate(output, type, shape);
    context.setOutputArray(0, array);
    planner.emit(op, inputs, context);
  }
}
