package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
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
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A SameDiff graph for one set of input shapes, run again and again. SameDiff differentiates; this
 * class executes the ops of the forward and the gradient graph itself: their order, buffers and
 * native contexts are fixed at the first run, and later runs only execute. ND4J's own session
 * allocates every output anew, which costs more than the arithmetic. Ops that no wanted value needs
 * are left out, reshapes share their input's memory, and slow gradient ops are replaced by equal
 * cheaper ones ({@link Lowering}).
 */
public final class Program implements AutoCloseable {

  private final SameDiff graph;
  private final ImmutableMap<String, String> wanted; // variable of the graph → name in the results
  private final ImmutableList<SameDiffOp> order;
  private final BufferPool pool = new BufferPool();
  private final Map<String, INDArray> bound = new HashMap<>();
  private Map<String, List<Planner.Binding>> bindings = Map.of();
  private ImmutableList<Step> steps = ImmutableList.of();
  private ImmutableMap<String, INDArray> results = ImmutableMap.of();
  private boolean closed;

  private Program(SameDiff graph, Map<String, String> wanted) {
    this.graph = graph;
    this.wanted = ImmutableMap.copyOf(wanted);
    this.order = orderFor(graph, this.wanted.keySet());
  }

  /** A program that computes the named variables of a graph, which must not change any more. */
  public static Program forward(SameDiff graph, Collection<String> outputs) {
    return new Program(graph, Maps.asMap(Set.copyOf(outputs), name -> name));
  }

  /**
   * A program that computes a loss, its gradient, and further variables.
   *
   * @param graph must not change any more
   * @param loss name of a scalar
   * @param withRespectTo names of placeholders; {@link #gradientOf} names each gradient
   * @param outputs names of further wanted variables
   */
  public static Program withGradient(
      SameDiff graph, String loss, Collection<String> withRespectTo, Collection<String> outputs) {
    graph.setLossVariables(loss);
    graph.createGradFunction(withRespectTo.toArray(String[]::new));
    Map<String, String> wanted = new LinkedHashMap<>();
    wanted.put(loss, loss);
    outputs.forEach(name -> wanted.put(name, name));
    for (String name : withRespectTo) {
      SDVariable gradient = graph.getVariable(name).gradient();
      checkArgument(
          gradient != null, "withRespectTo: expected what %s depends on, got %s", loss, name);
      wanted.put(gradient.name(), gradientOf(name));
    }
    return new Program(graph.getFunction("grad"), wanted);
  }

  /** The name of a gradient in the results of {@link #run}. */
  public static String gradientOf(String name) {
    return "gradient of " + name;
  }

  /** The ops that the wanted variables need, each after those that it reads from. */
  private static ImmutableList<SameDiffOp> orderFor(SameDiff graph, Collection<String> wanted) {
    ImmutableList.Builder<SameDiffOp> order = ImmutableList.builder();
    Set<String> done = new HashSet<>();
    Deque<String> open = new ArrayDeque<>(wanted);
    while (!open.isEmpty()) {
      String producer = graph.getVariables().get(open.element()).getOutputOfOp();
      if (producer == null || done.contains(producer)) {
        open.pop();
        continue;
      }
      SameDiffOp op = graph.getOps().get(producer);
      int before = open.size();
      for (String input : op.getInputsToOp()) {
        String inputProducer = graph.getVariables().get(input).getOutputOfOp();
        if (inputProducer != null && !done.contains(inputProducer)) {
          open.push(input);
        }
      }
      if (open.size() == before) {
        open.pop();
        done.add(producer);
        order.add(op);
      }
    }
    return order.build();
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
    if (steps.isEmpty()) {
      plan(inputs);
    } else {
      bindings.keySet().forEach(name -> bind(name, inputs));
      steps.forEach(Step::execute);
    }
    return results;
  }

  private void plan(Map<String, INDArray> inputs) {
    Planner planner = new Planner(graph, pool, inputs);
    planner.plan(order, wanted.keySet());
    steps = planner.steps();
    bindings = planner.bindings();
    bindings.keySet().forEach(name -> bound.put(name, planner.array(name)));
    ImmutableMap.Builder<String, INDArray> values = ImmutableMap.builder();
    wanted.forEach((name, result) -> values.put(result, planner.array(name)));
    results = values.buildOrThrow();
  }

  private void bind(String name, Map<String, INDArray> inputs) {
    INDArray before = bound.get(name);
    INDArray now = inputs.get(name);
    if (now == null) {
      boolean given = graph.getVariable(name).getVariableType() == VariableType.PLACEHOLDER;
      checkArgument(!given, "inputs: expected an array for %s, got none", name);
      return; // a constant of the graph
    }
    if (now == before) { // the same memory as last time
      return;
    }
    checkArgument(
        before != null
            && Arrays.equals(now.shape(), before.shape())
            && now.dataType() == before.dataType(),
        "inputs[%s]: expected the type and shape of the first run, got %s %s",
        name,
        now.dataType(),
        Arrays.toString(now.shape()));
    INDArray dense = Planner.dense(now);
    bound.put(name, dense);
    bindings
        .getOrDefault(name, List.of())
        .forEach(binding -> binding.step().setInput(binding.slot(), dense));
  }

  /** The native memory that the program holds, in bytes. */
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
    }
  }
}
