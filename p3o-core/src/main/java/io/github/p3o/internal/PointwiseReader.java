package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.ops.ScalarOp;

/** Reads a SameDiff graph whose ops all work lane by lane as expressions. */
final class PointwiseReader {

  /** Ops that hand on their input: types do not matter here, all is float64. */
  private static final ImmutableSet<String> SAME =
      ImmutableSet.of("identity", "stop_gradient", "cast", "noop");

  private final SameDiff graph;
  private final ImmutableSet<String> lanes;
  private final Expression.Factory make;
  private final Map<String, Expression> values = new HashMap<>();

  private PointwiseReader(SameDiff graph, Collection<String> lanes, Expression.Factory make) {
    this.graph = graph;
    this.make = make;
    this.lanes = ImmutableSet.copyOf(lanes);
  }

  /**
   * The values of variables as expressions.
   *
   * @param order the ops that they need
   * @param lanes names of the placeholders that hold a number for each lane; others hold one number
   * @param make makes the expressions
   * @return none if an op is not of this kind
   */
  static Optional<Map<String, Expression>> read(
      SameDiff graph,
      List<Node> order,
      Collection<String> wanted,
      Collection<String> lanes,
      Expression.Factory make) {
    PointwiseReader reader = new PointwiseReader(graph, lanes, make);
    for (Node node : order) {
      if (!reader.add(node)) {
        return Optional.empty();
      }
    }
    Map<String, Expression> result = new HashMap<>();
    for (String name : wanted) {
      result.put(name, reader.value(name));
    }
    return Optional.of(result);
  }

  private boolean add(Node node) {
    if (!node.op().opName().endsWith("_bp")) {
      Expression value = valueOf(node);
      if (value != null) {
        values.put(node.output(), value);
      }
      return value != null;
    }
    ImmutableList<Expression> gradients = gradientsOf(node);
    for (int i = 0; i < gradients.size(); i++) {
      values.put(node.outputs().get(i), gradients.get(i));
    }
    return !gradients.isEmpty();
  }

  private @Nullable Expression valueOf(Node node) {
    if (SAME.contains(node.opName())) {
      return value(node.input(0));
    }
    Expression a = value(node.input(0));
    return switch (node.opName()) {
      case "add" -> make.add(a, value(node.input(1)));
      case "subtract" -> make.subtract(a, value(node.input(1)));
      case "multiply" -> make.multiply(a, value(node.input(1)));
      case "divide" -> make.divide(a, value(node.input(1)));
      case "greater" -> make.greater(a, value(node.input(1)));
      case "less" -> make.greater(value(node.input(1)), a);
      case "add_scalar" -> make.add(a, scalarOf(node));
      case "mul_scalar" -> make.multiply(a, scalarOf(node));
      case "rsub_scalar" -> make.subtract(scalarOf(node), a);
      case "rdiv_scalar" -> make.divide(scalarOf(node), a);
      case "greaterthan_scalar" -> make.greater(a, scalarOf(node));
      case "lessthan_scalar" -> make.greater(scalarOf(node), a);
      case "pow" -> make.power(a, scalarOf(node).low());
      case "exp" -> make.exp(a);
      case "log" -> make.log(a);
      case "zeroslike", "zeros_as" -> make.constant(0);
      case "reduce_sum" -> make.sum(a);
      default -> null;
    };
  }

  private Expression scalarOf(Node node) {
    return make.constant(((ScalarOp) node.op()).scalar().getDouble(0));
  }

  /** ∂/∂a and ∂/∂b; none for an op of another kind. */
  private ImmutableList<Expression> gradientsOf(Node node) {
    Expression a = value(node.input(0));
    Expression b = value(node.input(1));
    if (node.opName().equals("reduce_sum_bp")) {
      return ImmutableList.of(b);
    }
    if (node.inputs().size() != 3) {
      return ImmutableList.of();
    }
    Expression g = value(node.input(2));
    return switch (node.opName()) {
      case "add_bp" -> ImmutableList.of(like(a, g), like(b, g));
      case "subtract_bp" ->
          ImmutableList.of(like(a, g), like(b, make.multiply(g, make.constant(-1))));
      case "multiply_bp" ->
          ImmutableList.of(like(a, make.multiply(g, b)), like(b, make.multiply(g, a)));
      default -> ImmutableList.of();
    };
  }

  /** A gradient in the shape of the value: summed if that is one number. */
  private Expression like(Expression value, Expression gradient) {
    return value.lanes() ? gradient : make.sum(gradient);
  }

  private Expression value(String name) {
    return values.computeIfAbsent(name, this::fromOutside);
  }

  private Expression fromOutside(String name) {
    SDVariable variable = graph.getVariable(name);
    if (variable.getVariableType() == VariableType.PLACEHOLDER) {
      return lanes.contains(name) ? make.lanes(name) : make.number(name);
    }
    checkState(
        variable.getArr() != null && variable.getArr().length() == 1,
        "%s: expected a constant of one number",
        name);
    return make.constant(variable.getArr().getDouble(0));
  }
}
