package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.autodiff.samediff.internal.Variable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.Shape;

/**
 * A SameDiff graph for one set of input shapes, run again and again. SameDiff differentiates; this
 * class executes the ops of the forward and the gradient graph itself: their order, buffers and
 * native contexts are fixed at the first run, and later runs only execute. ND4J's own session
 * allocates every output anew, which costs more than the arithmetic. Ops that no wanted value needs
 * are left out, reshapes share their input's memory, and slow gradient ops are replaced by equal
 * cheaper ones ({@link Lowering}).
 */
public final class Program implements ProgramCache.Entry {

  /** Names that the library gives begin so; what it feeds under them it has checked. */
  public static final String OWN_NAMES = "p3o/";

  private final SameDiff graph;
  private final ImmutableMap<String, String> wanted; // variable of the graph → name in the results
  private ImmutableSet<String> inPlace; // names of placeholders whose arrays are not copied
  private final ImmutableList<Node> order;
  private final BufferPool.Arena ownArena = new BufferPool.Arena();
  private BufferPool pool = new BufferPool(ownArena);
  private final Map<String, INDArray> bound = new HashMap<>();
  private Map<String, List<Planner.Binding>> bindings = Map.of();
  private ImmutableMap<String, Long> idLimits = ImmutableMap.of();
  private ImmutableList<Step> steps = ImmutableList.of();
  private ImmutableMap<String, INDArray> results = ImmutableMap.of();
  private boolean closed;

  private Program(
      SameDiff graph,
      Collection<String> parameters,
      Map<String, String> wanted,
      Map<String, Node> steps) {
    this.graph = graph;
    this.inPlace = ImmutableSet.copyOf(parameters);
    this.wanted = ImmutableMap.copyOf(wanted);
    this.order = Rewriter.rewrite(orderFor(graph, this.wanted.keySet(), steps));
  }

  /**
   * A program that computes variables of a graph.
   *
   * @param graph must not change any more
   * @param parameters names of the placeholders whose arrays are read where they lie, without a
   *     copy; they are usually the same arrays in each run
   * @param outputs names of the wanted variables
   */
  public static Program forward(
      SameDiff graph, Collection<String> parameters, Collection<String> outputs) {
    return new Program(
        graph,
        parameters,
        Maps.asMap(Set.copyOf(outputs), name -> name),
        Attention.steps(graph, name -> null));
  }

  /**
   * A program that computes a loss, its gradient, and further variables.
   *
   * @param graph must not change any more
   * @param loss name of a scalar
   * @param parameters names of the placeholders to differentiate by; {@link #gradientOf} names each
   *     gradient. Their arrays are read where they lie, without a copy
   * @param outputs names of further wanted variables
   */
  public static Program withGradient(
      SameDiff graph, String loss, Collection<String> parameters, Collection<String> outputs) {
    Map<String, String> wanted = differentiate(graph, loss, parameters, outputs);
    return new Program(
        graph, parameters, wanted, Attention.steps(graph, name -> gradientName(graph, name)));
  }

  /** Adds the gradient; the name of each wanted variable in the graph → its name in results. */
  static Map<String, String> differentiate(
      SameDiff graph, String loss, Collection<String> parameters, Collection<String> outputs) {
    Differentiation.addTo(graph, loss, parameters);
    Map<String, String> wanted = new LinkedHashMap<>();
    wanted.put(loss, loss);
    outputs.forEach(name -> wanted.put(name, name));
    Set<String> unread = new TreeSet<>();
    for (String name : parameters) {
      checkArgument(
          graph.hasVariable(name),
          "parameters: expected a variable of the graph for each, got none for %s",
          name);
      SDVariable gradient = graph.getVariable(name).gradient();
      if (gradient == null) {
        unread.add(name);
      } else {
        wanted.put(gradient.name(), gradientOf(name));
      }
    }
    checkArgument(
        unread.isEmpty(),
        "parameters: expected what %s reads, got %s, which it does not depend on; leave out what is"
            + " not to be trained, by convertToConstant() on the variable of a host's graph",
        loss,
        unread);
    return wanted;
  }

  /**
   * Reads the arrays of more placeholders where they lie. To be called before the first run.
   *
   * @param names of placeholders; those that the graph does not have are passed over
   */
  @CanIgnoreReturnValue
  public Program readingInPlace(Collection<String> names) {
    checkState(steps.isEmpty(), "program: expected one that has not run, got one that has");
    inPlace = ImmutableSet.<String>builder().addAll(inPlace).addAll(names).build();
    return this;
  }

  /** The name of a gradient in the results of {@link #run}. */
  public static String gradientOf(String name) {
    return "gradient of " + name;
  }

  /** The name of a variable's gradient; null if it has none. */
  private static @Nullable String gradientName(SameDiff graph, String name) {
    SDVariable gradient = graph.getVariable(name).gradient();
    return gradient == null ? null : gradient.name();
  }

  /** The ops that the wanted variables need, each after those that it reads from. */
  static ImmutableList<Node> orderFor(SameDiff graph, Collection<String> wanted) {
    return orderFor(graph, wanted, Map.of());
  }

  /** The same with steps in place of the ops that give some variables. */
  private static ImmutableList<Node> orderFor(
      SameDiff graph, Collection<String> wanted, Map<String, Node> steps) {
    ImmutableList.Builder<Node> order = ImmutableList.builder();
    Set<String> done = new HashSet<>(); // by the first output
    Deque<String> open = new ArrayDeque<>(wanted);
    while (!open.isEmpty()) {
      Node node = producerOf(graph, steps, open.element());
      if (node == null || done.contains(node.output())) {
        open.pop();
        continue;
      }
      int before = open.size();
      for (String input : node.inputs()) {
        Node producer = producerOf(graph, steps, input);
        if (producer != null && !done.contains(producer.output())) {
          open.push(input);
        }
      }
      if (open.size() == before) {
        open.pop();
        done.add(node.output());
        order.add(node);
      }
    }
    return order.build();
  }

  /** What gives a variable; nothing for placeholders and constants. */
  private static @Nullable Node producerOf(SameDiff graph, Map<String, Node> steps, String name) {
    Node step = steps.get(name);
    if (step != null) {
      return step;
    }
    Variable variable = graph.getVariables().get(name);
    checkArgument(variable != null, "outputs: expected variables of the graph, got %s", name);
    String producer = variable.getOutputOfOp();
    SameDiffOp op = producer == null ? null : graph.getOps().get(producer);
    return op == null ? null : Node.of(op);
  }

  /**
   * Runs the program.
   *
   * @param inputs an array for each placeholder, in the shapes of the first run
   * @return the wanted values; they belong to the program and stay valid until its next run
   * @throws IllegalArgumentException for a missing array or another shape
   */
  public ImmutableMap<String, INDArray> run(Map<String, INDArray> inputs) {
    checkState(!closed, "program: expected an open program, got a closed one");
    DeviceThread.prepare();
    if (steps.isEmpty()) {
      plan(inputs);
    } else {
      ImmutableMap.copyOf(bound).forEach((name, before) -> bind(name, before, inputs));
      idLimits.forEach((name, limit) -> Planner.checkIds(name, Result.array(inputs, name), limit));
      steps.forEach(Step::execute);
    }
    return results;
  }

  private void plan(Map<String, INDArray> inputs) {
    Map<String, INDArray> ours = new HashMap<>();
    Planner planner = new Planner(graph, pool, ours);
    try {
      inputs.forEach(
          (name, array) -> ours.put(name, inPlace.contains(name) ? dense(array) : own(array)));
      planner.plan(order, wanted.keySet());
    } catch (RuntimeException | Error e) { // the next run plans again, from nothing
      planner.steps().forEach(Step::close);
      pool.close();
      throw e;
    }
    steps = planner.steps();
    bindings = planner.bindings();
    idLimits = planner.idLimits();
    ours.keySet().retainAll(bindings.keySet());
    bound.putAll(ours);
    ImmutableMap.Builder<String, INDArray> values = ImmutableMap.builder();
    wanted.forEach((name, result) -> values.put(result, planner.array(name)));
    results = values.buildOrThrow();
  }

  /** A copy in memory of the program. */
  private INDArray own(INDArray array) {
    BufferPool.Buffer buffer = pool.takeForever(array.dataType(), array.length());
    return buffer.as(array.shape()).assign(array);
  }

  /** The array itself if its elements lie side by side in row-major order, else such a copy. */
  private static INDArray dense(INDArray array) {
    return array.ordering() == 'c' && Shape.hasDefaultStridesForShape(array)
        ? array
        : array.dup('c');
  }

  private void bind(String name, INDArray before, Map<String, INDArray> inputs) {
    INDArray now = inputs.get(name);
    checkArgument(
        now != null
            && Arrays.equals(now.shape(), before.shape())
            && now.dataType() == before.dataType(),
        "inputs[%s]: expected %s %s as in the first run, got %s",
        name,
        before.dataType(),
        Arrays.toString(before.shape()),
        now == null ? "none" : now.dataType() + " " + Arrays.toString(now.shape()));
    if (!inPlace.contains(name)) {
      before.assign(now);
    } else if (now != before) { // other memory since the parameters were copied on write
      INDArray dense = dense(now);
      bound.put(name, dense);
      bindings
          .getOrDefault(name, List.of())
          .forEach(binding -> binding.step().setInput(binding.slot(), dense));
    }
  }

  @Override
  public void share(BufferPool.Arena arena) {
    checkState(steps.isEmpty(), "program: expected one that has not run yet");
    pool = new BufferPool(arena);
  }

  @Override
  public void trim(BufferPool.Arena arena) {
    arena.retain(pool);
  }

  /** What a run executes, in this order; none before the first run. */
  ImmutableList<Step> steps() {
    return steps;
  }

  /** The native memory that the program uses, in bytes. */
  @Override
  public long bytes() {
    return pool.bytes();
  }

  /** Frees the program's native memory, its results included. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      steps.forEach(Step::close);
      pool.close();
      ownArena.close();
    }
  }
}
