package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.internal.RowGroup.Form;
import io.github.p3o.internal.RowGroup.Maker;
import io.github.p3o.internal.RowGroup.Operand;
import io.github.p3o.internal.RowGroup.Result;
import io.github.p3o.internal.RowValue.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ops.BaseReduceOp;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.ScalarOp;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner;
import org.nd4j.linalg.api.shape.Shape;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Holds back float32 ops that work element by element or along rows, until an op of another kind
 * reads what they give; then all of them run as one {@link RowStep}. On the CPU only: on a GPU the
 * arrays are out of the JVM's reach.
 */
final class Fusion {

  private static final ImmutableSet<String> SAME = ImmutableSet.of("stop_gradient", "identity");

  /** Arrays that a buffer of Java can hold. */
  static final long MAX_LENGTH = Integer.MAX_VALUE / Float.BYTES;

  /** Set to true on a CPU, takes the steps that a device takes; for tests. */
  static final String PORTABLE = "p3o.portable";

  private final boolean onCpu = isOnCpu();
  private final Planner planner;
  private final List<RowGroup> open = new ArrayList<>();
  private final Map<String, RowGroup> groups = new HashMap<>(); // of what has no memory yet

  Fusion(Planner planner) {
    this.planner = planner;
  }

  /** Whether arrays lie in memory that the JVM can reach. */
  static boolean isOnCpu() {
    return !Boolean.getBoolean(PORTABLE)
        && Nd4j.getExecutioner().type() == OpExecutioner.ExecutionerType.NATIVE_CPU;
  }

  /** Whether the op was taken, and is not to be planned elsewhere. */
  boolean take(Node node) {
    if (!onCpu || node.inputs().isEmpty() || node.inputs().stream().allMatch(planner::isConstant)) {
      return false;
    }
    return takeView(node) || takeOfShape(node) || takeOp(node);
  }

  /** Ends the group that a variable belongs to, if it has no memory yet. */
  void finish(String name) {
    RowGroup group = groups.get(name);
    if (group != null) {
      open.remove(group);
      group.finish();
      group.names().forEach(groups::remove);
    }
  }

  /** Ends all groups. */
  void finish() {
    for (RowGroup group : List.copyOf(open)) {
      finish(group.names().iterator().next());
    }
  }

  private long[] shape(String name) {
    RowGroup group = groups.get(name);
    return group == null ? planner.shape(name) : group.shape(name);
  }

  private boolean isFloat(String name) {
    return groups.containsKey(name) || planner.isDenseFloat(name);
  }

  /** A value that is held back, under another name or in another shape. */
  private boolean takeView(Node node) {
    RowGroup group = groups.get(node.input(0));
    if (group == null) {
      return false;
    }
    long[] shape = null;
    if (SAME.contains(node.opName()) || isSumWithZero(node)) {
      shape = group.shape(node.input(0));
    } else if (node.opName().equals("reshape")) {
      shape = reshaped(node, Shape.lengthOf(group.shape(node.input(0))));
    }
    if (shape == null) {
      return false;
    }
    group.alias(node.output(), node.input(0), shape);
    groups.put(node.output(), group);
    planner.read(node).forEach(this::read);
    return true;
  }

  private boolean isSumWithZero(Node node) {
    return node.opName().equals("add")
        && planner.isZero(node.input(1))
        && Arrays.equals(shape(node.input(0)), planner.shape(node.input(1)));
  }

  /** The shape that a reshape names; none if it is not simply a list of sizes. */
  private long @Nullable [] reshaped(Node node, long length) {
    long[] shape;
    if (node.inputs().size() > 1) {
      if (!planner.isConstant(node.input(1))) {
        return null;
      }
      shape = planner.array(node.input(1)).toLongVector();
    } else {
      long[] arguments = ((CustomOp) node.op()).iArgs();
      shape = Arrays.copyOfRange(arguments, Math.min(1, arguments.length), arguments.length);
    }
    boolean plain = Arrays.stream(shape).allMatch(size -> size > 0);
    return plain && Shape.lengthOf(shape) == length ? shape : null;
  }

  /** What follows from the shape of a value that is held back. */
  private boolean takeOfShape(Node node) {
    RowGroup group = groups.get(node.input(0));
    if (group == null || node.inputs().size() > 1) {
      return false;
    }
    long[] shape = group.shape(node.input(0));
    switch (node.opName()) {
      case "shape_of" -> planner.constant(node.output(), Nd4j.createFromArray(shape));
      case "zeros_as", "zeroslike" -> planner.zero(node.output(), shape);
      default -> {
        return false;
      }
    }
    return true;
  }

  private boolean takeOp(Node node) {
    Form form = formOf(node);
    if (form == null || form.results().isEmpty()) {
      return false;
    }
    RowGroup group = groupOf(form);
    if (group == null) {
      return false;
    }
    form.results().forEach(result -> groups.put(result.name(), group));
    for (String name : planner.read(node)) {
      if (groups.containsKey(name)) {
        planner.read(name);
      } else {
        group.addRead(name);
      }
    }
    return true;
  }

  private void read(String name) {
    if (groups.containsKey(name)) {
      planner.read(name);
    } else {
      planner.release(name);
    }
  }

  /** The group that took the op; groups that it depends on without belonging to them end. */
  private @Nullable RowGroup groupOf(Form form) {
    Set<RowGroup> inputs = new LinkedHashSet<>();
    for (Operand operand : form.operands()) {
      RowGroup group = groups.get(operand.name());
      if (group != null) {
        inputs.add(group);
      }
    }
    RowGroup chosen = null;
    for (RowGroup group : inputs.isEmpty() ? open : inputs) {
      if (group.fits(form) && (chosen == null || group.length() > chosen.length())) {
        chosen = group;
      }
    }
    for (Operand operand : form.operands()) {
      if (groups.get(operand.name()) != chosen) {
        finish(operand.name());
      }
    }
    if (chosen == null) {
      chosen = new RowGroup(planner, Shape.lengthOf(form.shape()));
      if (!chosen.fits(form)) {
        return null;
      }
      open.add(chosen);
    }
    chosen.take(form);
    return chosen;
  }

  private @Nullable Form formOf(Node node) {
    Form form =
        switch (node.opName()) {
          case "add" -> pair(node, Kind.ADD);
          case "subtract" -> pair(node, Kind.SUBTRACT);
          case "multiply" -> pair(node, Kind.MULTIPLY);
          case "divide" -> pair(node, Kind.DIVIDE);
          case "exp" -> single(node, (group, a) -> group.make().of(Kind.EXP, a.get(0)));
          case "log" -> single(node, (group, a) -> group.make().of(Kind.LOG, a.get(0)));
          case "sqrt" -> single(node, (group, a) -> group.make().of(Kind.SQRT, a.get(0)));
          case "sigmoid" -> single(node, (group, a) -> group.make().sigmoid(a.get(0)));
          case "add_scalar" -> withNumber(node, Kind.ADD_NUMBER);
          case "mul_scalar" -> withNumber(node, Kind.MULTIPLY_NUMBER);
          case "rsub_scalar" -> withNumber(node, Kind.SUBTRACT_FROM);
          case "rdiv_scalar" -> withNumber(node, Kind.DIVIDE_INTO);
          case "pow" -> power(node);
          case "reduce_sum" -> reduction(node, Kind.ROW_SUM, false);
          case "reduce_mean" -> reduction(node, Kind.ROW_SUM, true);
          case "reduce_max" -> reduction(node, Kind.ROW_MAX, false);
          case "reduce_sum_bp" -> reductionGradient(node, false);
          case "reduce_mean_bp" -> reductionGradient(node, true);
          case "add_bp", "subtract_bp", "multiply_bp" -> pairGradient(node);
          case "matmul" -> quarterTurn(node, node.input(0), 1);
          case "matmul_bp" -> quarterTurn(node, node.input(2), -1); // a turn back
          default -> null;
        };
    boolean fits =
        form != null
            && Shape.lengthOf(form.shape()) > 0
            && Shape.lengthOf(form.shape()) <= MAX_LENGTH
            && form.operands().stream().allMatch(operand -> isFloat(operand.name()));
    return fits ? form : null;
  }

  private Operand operand(String name) {
    return new Operand(name, shape(name));
  }

  private Form single(Node node, Maker maker) {
    Operand operand = operand(node.input(0));
    return form(operand.shape(), 0, node, ImmutableList.of(operand), maker);
  }

  private static Form form(
      long[] shape, long columns, Node node, ImmutableList<Operand> operands, Maker maker) {
    Result result = new Result(node.output(), shape, maker);
    return new Form(shape, columns, operands, ImmutableList.of(result));
  }

  private @Nullable Form withNumber(Node node, Kind kind) {
    if (!(node.op() instanceof ScalarOp scalar)) {
      return null;
    }
    double number = scalar.scalar().getDouble(0);
    return single(node, (group, a) -> group.make().of(kind, a.get(0), number));
  }

  private @Nullable Form power(Node node) {
    if (!(node.op() instanceof ScalarOp scalar)) {
      return null;
    }
    double exponent = scalar.scalar().getDouble(0);
    return single(node, (group, a) -> group.make().power(a.get(0), exponent));
  }

  private @Nullable Form pair(Node node, Kind kind) {
    Operand a = operand(node.input(0));
    Operand b = operand(node.input(1));
    long[] shape = broadcast(a.shape(), b.shape());
    boolean shared = kind == Kind.ADD && (planner.isZero(a.name()) || planner.isZero(b.name()));
    return shape == null || shared // a sum with 0 needs no op: Lowering
        ? null
        : form(
            shape,
            0,
            node,
            ImmutableList.of(a, b),
            (group, ab) -> group.make().of(kind, ab.get(0), ab.get(1)));
  }

  private static long @Nullable [] broadcast(long[] a, long[] b) {
    long[] longer = a.length >= b.length ? a : b;
    long[] shorter = longer == a ? b : a;
    int missing = longer.length - shorter.length;
    long[] shape = longer.clone();
    for (int axis = missing; axis < shape.length; axis++) {
      long other = shorter[axis - missing];
      if (shape[axis] != other && shape[axis] != 1 && other != 1) {
        return null;
      }
      shape[axis] = Math.max(shape[axis], other);
    }
    return shape;
  }

  /** A reduction over the last axis. */
  private @Nullable Form reduction(Node node, Kind kind, boolean mean) {
    if (!(node.op() instanceof BaseReduceOp op) || node.inputs().size() > 1) {
      return null;
    }
    Operand operand = operand(node.input(0));
    long[] shape = operand.shape();
    int last = shape.length - 1;
    int[] axes = op.dimensions() == null ? new int[0] : op.dimensions().toIntVector();
    if (last < 1 || axes.length != 1 || (axes[0] != last && axes[0] != -1) || shape[last] == 1) {
      return null;
    }
    long[] reduced = Arrays.copyOf(shape, op.isKeepDims() ? last + 1 : last);
    if (op.isKeepDims()) {
      reduced[last] = 1;
    }
    double scale = mean ? 1.0 / shape[last] : 1;
    Maker maker =
        (group, a) -> {
          RowValue result = group.make().of(kind, group.make().full(a.get(0)));
          return group.make().of(Kind.MULTIPLY_NUMBER, result, scale);
        };
    Result result = new Result(node.output(), reduced, maker);
    return new Form(shape, shape[last], ImmutableList.of(operand), ImmutableList.of(result));
  }

  /** The gradient of a reduction over the last axis: the same number for each element of a row. */
  private @Nullable Form reductionGradient(Node node, boolean mean) {
    long[] axes = ((CustomOp) node.op()).iArgs();
    long[] shape = shape(node.input(0));
    int last = shape.length - 1;
    if (last < 1 || axes.length != 1 || (axes[0] != last && axes[0] != -1) || shape[last] == 1) {
      return null;
    }
    long[] column = shape.clone();
    column[last] = 1;
    if (Shape.lengthOf(shape(node.input(1))) != Shape.lengthOf(column)) {
      return null;
    }
    double scale = mean ? 1.0 / shape[last] : 1;
    return form(
        shape,
        shape[last],
        node,
        ImmutableList.of(new Operand(node.input(1), column)),
        (group, g) -> group.make().of(Kind.MULTIPLY_NUMBER, g.get(0), scale));
  }

  /** A product with the matrix of a quarter turn, or its gradient; none if it is another. */
  private @Nullable Form quarterTurn(Node node, String turned, int direction) {
    int half = QuarterTurn.half(node.input(1));
    boolean plain = Arrays.stream(((CustomOp) node.op()).iArgs()).allMatch(flag -> flag == 0);
    boolean wanted = node.outputs().stream().skip(1).noneMatch(planner::isNeeded);
    if (half == 0 || !plain || !wanted) {
      return null;
    }
    Operand operand = operand(turned);
    long[] shape = operand.shape();
    return form(
        shape,
        shape[shape.length - 1],
        node,
        ImmutableList.of(operand),
        (group, a) -> {
          RowValue turn = group.make().of(Kind.QUARTER_TURN, group.make().full(a.get(0)), half);
          return group.make().of(Kind.MULTIPLY_NUMBER, turn, direction);
        });
  }

  /** ∂/∂a and ∂/∂b of a ± b and a · b, summed over what was broadcast. */
  private @Nullable Form pairGradient(Node node) {
    Operand g = operand(node.input(2));
    List<Operand> operands = new ArrayList<>(List.of(g));
    ImmutableList.Builder<Result> results = ImmutableList.builder();
    long columns = 0;
    for (int side = 0; side < 2; side++) {
      if (!planner.isNeeded(node.outputs().get(side))) {
        continue;
      }
      long[] target = shape(node.input(side));
      long needed = columnsToReduce(target, g.shape());
      if (needed < 0 || (columns > 0 && needed > 0 && columns != needed)) {
        return null;
      }
      columns = Math.max(columns, needed);
      boolean negative = side == 1 && node.opName().equals("subtract_bp");
      int factor = node.opName().equals("multiply_bp") ? operands.size() : 0;
      if (factor > 0) {
        operands.add(operand(node.input(1 - side)));
      }
      Maker maker =
          (group, values) -> {
            RowValue value =
                group.make().of(Kind.MULTIPLY_NUMBER, values.get(0), negative ? -1 : 1);
            RowValue product =
                factor == 0 ? value : group.make().of(Kind.MULTIPLY, value, values.get(factor));
            return group.reduced(product, target, g.shape());
          };
      results.add(new Result(node.outputs().get(side), target, maker));
    }
    return new Form(g.shape(), columns, ImmutableList.copyOf(operands), results.build());
  }

  /** The row length with which a gradient can be summed to this shape, −1 if it cannot. */
  private static long columnsToReduce(long[] target, long[] shape) {
    long length = Shape.lengthOf(target);
    if (length == Shape.lengthOf(shape)) {
      return 0;
    }
    if (length == 1) {
      return -1; // one row of all elements would be one thread's
    }
    long rowLength = RowGroup.rowLength(target, shape);
    return rowLength > 0 || !RowGroup.isRepeated(target, shape) ? rowLength : length;
  }
}
