package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Throwables;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.autodiff.samediff.internal.Variable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.BaseOp;
import org.nd4j.linalg.api.ops.BaseReduceOp;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.api.shape.Shape;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The first run of a program: executes each op once, and so learns the shapes, gives every value a
 * buffer, and leaves a {@link Step} for each op that later runs have to execute.
 */
final class Planner {

  /** Ops whose output is their input's memory, perhaps in another shape. */
  private static final ImmutableSet<String> VIEWS =
      ImmutableSet.of("reshape", "stop_gradient", "identity", "expand_dims", "squeeze");

  /** Ops whose output follows from the shape of their input alone. */
  private static final ImmutableSet<String> OF_SHAPE =
      ImmutableSet.of("rank", "shape_of", "size", "zeros_as", "zeroslike", "ones_as", "oneslike");

  /** Reductions that give an element itself where there is only one. */
  private static final ImmutableSet<String> REDUCTIONS =
      ImmutableSet.of("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod");

  /** ND4J's argument of "reshape" for the order 'c'. */
  private static final int ROW_MAJOR = -99;

  /** An input slot of a step that reads an array from outside. */
  record Binding(Step step, int slot) {}

  /** A value, and the buffer that it lies in; none if it came from outside. */
  private record Value(INDArray array, BufferPool.@Nullable Buffer buffer) {}

  private final SameDiff graph;
  private final BufferPool pool;
  private final Map<String, INDArray> inputs;
  private final Set<String> needed = new HashSet<>();
  private final Map<String, Integer> uses = new HashMap<>();
  private final Map<String, Value> values = new HashMap<>();
  private final List<Step> steps = new ArrayList<>();
  private final Map<String, List<Binding>> bindings = new HashMap<>();
  private final Set<String> constants = new HashSet<>();
  private final Set<String> zeros = new HashSet<>();
  private final Map<String, long[]> shapes = new HashMap<>(); // of what has no memory
  private final Map<String, Long> idLimits = new HashMap<>();
  private boolean inConstantOp;
  private int temporaries;

  Planner(SameDiff graph, BufferPool pool, Map<String, INDArray> inputs) {
    this.graph = graph;
    this.pool = pool;
    this.inputs = inputs;
  }

  /** Plans and executes the ops. The values of the wanted names stay when it is done. */
  void plan(ImmutableList<Node> order, Iterable<String> wanted) {
    wanted.forEach(needed::add);
    order.forEach(node -> needed.addAll(node.inputs()));
    wanted.forEach(name -> uses.merge(name, 1, Integer::sum));
    order.forEach(node -> read(node).forEach(name -> uses.merge(name, 1, Integer::sum)));
    Fusion fusion = new Fusion(this);
    for (Node node : order) {
      inConstantOp = false;
      if (fusion.take(node)) {
        continue;
      }
      node.inputs().forEach(fusion::finish);
      markConstant(node);
      emit(node);
      read(node).forEach(this::release);
      node.outputs().stream()
          .filter(name -> values.containsKey(name) && !isStillRead(name))
          .forEach(this::release);
    }
    inConstantOp = false;
    fusion.finish();
  }

  /** A failure names the op's inputs and their shapes, which ND4J prints at most. */
  private void emit(Node node) {
    node.inputs().forEach(this::checkFed);
    try {
      if (!emitZeros(node) && !emitView(node) && !Lowering.emit(this, node)) {
        emitPlain(node);
      }
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "graph: expected inputs that %s can take for %s, got %s: %s",
              node.opName(),
              node.output(),
              node.inputs().stream().map(this::described).collect(Collectors.joining(", ")),
              Throwables.getRootCause(e).getMessage()),
          e);
    }
  }

  private void checkFed(String name) {
    Variable variable = graph.getVariables().get(name);
    if (variable != null && variable.getVariable().isPlaceHolder()) {
      array(name);
    }
  }

  private String described(String name) {
    boolean known = shapes.containsKey(name) || values.containsKey(name);
    return known ? name + " " + Arrays.toString(shape(name)) : name;
  }

  /** The inputs whose values an op reads, not only their shapes, once for each read. */
  List<String> read(Node node) {
    boolean ofShape = OF_SHAPE.contains(node.opName());
    return IntStream.range(0, node.inputs().size())
        .filter(slot -> !ofShape && !Lowering.readsShapeOnly(this, node, slot))
        .mapToObj(node::input)
        .toList();
  }

  /** What follows from shapes and constants alone is computed once, and its memory is kept. */
  private void markConstant(Node node) {
    boolean ofShape = OF_SHAPE.contains(node.opName());
    inConstantOp = ofShape || node.inputs().stream().allMatch(this::isConstant);
    if (inConstantOp) {
      constants.addAll(node.outputs());
      if (ofShape && node.opName().startsWith("zeros")) {
        zeros.addAll(node.outputs());
      }
    }
  }

  /** Whether the value is the same in every run. */
  boolean isConstant(String name) {
    boolean fixed =
        !inputs.containsKey(name)
            && graph.getVariables().containsKey(name)
            && graph.getVariables().get(name).getOutputOfOp() == null;
    return fixed || constants.contains(name);
  }

  /** Whether the value is 0 everywhere in every run. */
  boolean isZero(String name) {
    return zeros.contains(name);
  }

  ImmutableList<Step> steps() {
    return ImmutableList.copyOf(steps);
  }

  /** Where each array from outside is read, by its name. */
  Map<String, List<Binding>> bindings() {
    return bindings;
  }

  /** Whether an op or the caller reads this variable. */
  boolean isNeeded(String name) {
    return needed.contains(name);
  }

  /** The value of a variable that is already computed, or that comes from outside. */
  INDArray array(String name) {
    return value(name).array();
  }

  /** Whether an op that is not yet planned, or the caller, reads this variable. */
  boolean isStillRead(String name) {
    return uses.getOrDefault(name, 0) > 0;
  }

  /**
   * ND4J would read memory of others by ids beyond a limit: those that a host feeds are checked.
   */
  void limitIds(String name, long limit) {
    if (inputs.containsKey(name) && !name.startsWith(Program.OWN_NAMES)) {
      checkIds(name, array(name), limit);
      idLimits.merge(name, limit, Math::min);
    }
  }

  static void checkIds(String name, INDArray ids, long limit) {
    for (long id : ids.reshape('c', new long[] {ids.length()}).toLongVector()) {
      checkArgument(
          id >= 0 && id < limit, "%s: expected ids from 0 to %s, got %s", name, limit - 1, id);
    }
  }

  /** What ids that a host feeds must stay below in every run, by name. */
  ImmutableMap<String, Long> idLimits() {
    return ImmutableMap.copyOf(idLimits);
  }

  /** An op reads a variable that has no memory. */
  void read(String name) {
    uses.merge(name, -1, Integer::sum);
  }

  /** Marks a variable as 0 everywhere; it gets memory when an op reads it. */
  void zero(String name, long[] shape) {
    constants.add(name);
    zeros.add(name);
    shapes.put(name, shape);
  }

  /** Notes the shape of a variable whose value nothing reads any more. */
  void forget(String name, long[] shape) {
    shapes.put(name, shape);
  }

  /** A variable whose value is the same in every run. */
  void constant(String name, INDArray array) {
    constants.add(name);
    BufferPool.Buffer buffer = pool.takeForever(array.dataType(), array.length());
    values.put(name, new Value(buffer.as(array.shape()).assign(array), buffer));
  }

  /** A new buffer for a variable; freed after the variable's last use. */
  INDArray allocate(String name, DataType type, long... shape) {
    long length = Shape.lengthOf(shape);
    BufferPool.Buffer buffer =
        inConstantOp ? pool.takeForever(type, length) : pool.take(type, length);
    INDArray array = buffer.as(shape);
    values.put(name, new Value(array, buffer));
    // An op may insist on writing what nobody reads: that is used until the op is done.
    buffer.addUses(Math.max(1, uses.getOrDefault(name, 0)));
    return array;
  }

  /** The name of a new intermediate value that is read {@code reads} times. */
  String temporary(int reads) {
    String name;
    do {
      name = "temporary " + temporaries++;
    } while (graph.hasVariable(name));
    uses.put(name, reads);
    needed.add(name);
    return name;
  }

  /** One read of a variable is over. */
  void release(String name) {
    if (shapes.containsKey(name) && !values.containsKey(name)) {
      return;
    }
    BufferPool.Buffer buffer = value(name).buffer();
    if (buffer != null) {
      pool.release(buffer);
    }
  }

  /** Executes an op and makes it a step, unless it would compute the same in every run. */
  void emit(DifferentialFunction op, List<String> inputNames, OpContext context) {
    emit(new NativeStep(op, context), inputNames);
  }

  /** Executes a step and adds it, unless its result is a constant. */
  void emit(Step step, List<String> inputNames) {
    if (inConstantOp) {
      step.execute();
      step.close();
      return;
    }
    for (int slot = 0; slot < inputNames.size(); slot++) {
      String name = inputNames.get(slot);
      if (value(name).buffer() == null) {
        bindings.computeIfAbsent(name, n -> new ArrayList<>()).add(new Binding(step, slot));
      }
    }
    step.execute();
    steps.add(step);
  }

  /** A context with these inputs and the op's own arguments. */
  OpContext contextFor(DifferentialFunction op, List<String> inputNames) {
    OpContext context = Nd4j.getExecutioner().buildContext();
    for (int slot = 0; slot < inputNames.size(); slot++) {
      context.setInputArray(slot, array(inputNames.get(slot)));
    }
    if (op instanceof CustomOp custom) {
      context.setIArguments(custom.iArgs());
      context.setTArguments(custom.tArgs());
      context.setBArguments(custom.bArgs());
      context.setDArguments(custom.dArgs());
    }
    return context;
  }

  private void emitPlain(Node node) {
    DifferentialFunction op = node.op();
    if (op instanceof BaseReduceOp reduction) {
      sortAxes(reduction, array(node.input(0)).rank());
    }
    OpContext context = contextFor(op, node.inputs());
    List<LongShapeDescriptor> shapes =
        op instanceof CustomOp custom
            ? Nd4j.getExecutioner().calculateOutputShape(custom, context)
            : ((BaseOp) op).calculateOutputShape(context);
    if (isOverSizeOne(node, shapes.get(0).getShape())) {
      op = reshapeTo(shapes.get(0).getShape());
      context = contextFor(op, node.inputs());
    }
    List<String> outputs = node.outputs();
    for (int i = 0; i < outputs.size(); i++) {
      LongShapeDescriptor shape = shapes.get(i);
      context.setOutputArray(i, allocate(outputs.get(i), shape.dataType(), shape.getShape()));
    }
    emit(op, node.inputs(), context);
  }

  /** ND4J gives arbitrary numbers where axes are kept, and counted from the end or not in order. */
  private static void sortAxes(BaseReduceOp op, int rank) {
    int @Nullable [] axes = op.getDimensions();
    if (axes != null && rank > 0) {
      op.setDimensions(Shape.normalizeAxis(rank, axes));
    }
  }

  /**
   * Whether the op reduces axes of size 1 only, and so only reshapes. Where the input is a row or a
   * column matrix, ND4J's executor takes that for no op and fails on an unset field.
   */
  private boolean isOverSizeOne(Node node, long[] outputShape) {
    return REDUCTIONS.contains(node.opName())
        && array(node.input(0)).length() == Shape.lengthOf(outputShape);
  }

  private static DynamicCustomOp reshapeTo(long[] shape) {
    DynamicCustomOp.DynamicCustomOpsBuilder builder =
        DynamicCustomOp.builder("reshape").addIntegerArguments(ROW_MAJOR);
    Arrays.stream(shape).forEach(builder::addIntegerArguments);
    return builder.build();
  }

  /** Zeros in the shape of a value need no memory before an op reads them, which few do. */
  private boolean emitZeros(Node node) {
    if (!isZero(node.output()) || !isDenseFloat(node.input(0))) {
      return false;
    }
    zero(node.output(), shape(node.input(0)));
    return true;
  }

  /** Lets the output share the input's memory, if the op allows it and the memory is ours. */
  private boolean emitView(Node node) {
    if (!VIEWS.contains(node.opName())) {
      return false;
    }
    String input = node.input(0);
    if (value(input).buffer() == null) {
      return false;
    }
    try (OpContext context = contextFor(node.op(), node.inputs())) {
      LongShapeDescriptor shape =
          Nd4j.getExecutioner().calculateOutputShape((CustomOp) node.op(), context).get(0);
      share(node.output(), input, shape.getShape());
    } catch (Exception e) {
      throw new IllegalStateException("could not plan " + node, e);
    }
    return true;
  }

  /**
   * Gives a variable the memory of another, in another shape of the same length; false if that
   * memory comes from outside and may be another in the next run.
   */
  boolean share(String name, String source, long... shape) {
    if (isZero(source) && !values.containsKey(source)) {
      zero(name, shape);
      return true;
    }
    BufferPool.Buffer buffer = value(source).buffer();
    if (buffer == null) {
      return false;
    }
    if (isZero(source)) {
      zeros.add(name);
    }
    values.put(name, new Value(buffer.as(shape), buffer));
    buffer.addUses(uses.getOrDefault(name, 0));
    return true;
  }

  /** The shape of a variable that is already computed, or that comes from outside. */
  long[] shape(String name) {
    long[] shape = shapes.get(name);
    return shape == null ? array(name).shape() : shape;
  }

  /** Whether a variable is float32, its elements side by side in row-major order. */
  boolean isDenseFloat(String name) {
    if (shapes.containsKey(name)) {
      return true;
    }
    INDArray array = array(name);
    return array.dataType() == DataType.FLOAT
        && array.ordering() == 'c'
        && Shape.hasDefaultStridesForShape(array);
  }

  private Value value(String name) {
    return values.computeIfAbsent(
        name, n -> shapes.containsKey(n) ? zeros(n) : new Value(fromOutside(n), null));
  }

  /** Memory full of zeros, also for what an op reads the shape of. */
  private Value zeros(String name) {
    long[] shape = shape(name);
    BufferPool.Buffer buffer = pool.takeForever(DataType.FLOAT, Shape.lengthOf(shape));
    return new Value(buffer.as(shape).assign(0), buffer);
  }

  private INDArray fromOutside(String name) {
    INDArray array = inputs.get(name);
    if (array == null && graph.getVariable(name).getVariableType() != VariableType.PLACEHOLDER) {
      array = graph.getArrForVarName(name);
    }
    checkArgument(array != null, "inputs: expected an array for %s, got none", name);
    return array;
  }
}
