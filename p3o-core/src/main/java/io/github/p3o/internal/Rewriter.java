package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

/**
 * Rewrites the ops of a graph, before shapes are known, so that the costly functions are computed
 * once: SameDiff's gradients compute exp and σ again, which take ten times a multiplication.
 */
final class Rewriter {

  /** Costly functions of one array, without arguments. */
  private static final ImmutableSet<String> COSTLY =
      ImmutableSet.of("exp", "sigmoid", "log", "sqrt", "log1p");

  private final Map<String, String> firstOutput = new HashMap<>(); // op and input → its output
  private final Map<String, String> renamed = new HashMap<>();
  private final ImmutableList.Builder<Node> rewritten = ImmutableList.builder();

  private Rewriter() {}

  /** Equal ops in an order that still has every input before its use. */
  static ImmutableList<Node> rewrite(List<Node> order) {
    Rewriter rewriter = new Rewriter();
    order.forEach(rewriter::add);
    return rewriter.rewritten.build();
  }

  private void add(Node original) {
    Node node =
        original.withInputs(
            original.inputs().stream().map(name -> renamed.getOrDefault(name, name)).toList());
    if (COSTLY.contains(node.opName())) {
      String before = firstOutput.putIfAbsent(key(node.opName(), node.input(0)), node.output());
      if (before != null) {
        renamed.put(node.output(), before);
        return;
      }
    }
    String sigmoid = firstOutput.get(key("sigmoid", node.inputs().isEmpty() ? "" : node.input(0)));
    if (node.opName().equals("sigmoid_bp") && sigmoid != null) {
      addSigmoidGradient(node, sigmoid);
    } else {
      rewritten.add(node);
    }
  }

  private static String key(String opName, String input) {
    return opName + " of " + input;
  }

  /** {@code g σ (1 − σ)}. */
  private void addSigmoidGradient(Node node, String sigmoid) {
    String product = node.output() + " times sigmoid";
    String square = product + " squared";
    addOp("multiply", node.input(1), sigmoid, product);
    addOp("multiply", product, sigmoid, square);
    addOp("subtract", product, square, node.output());
  }

  private void addOp(String name, String a, String b, String output) {
    DifferentialFunction op = DynamicCustomOp.builder(name).build();
    rewritten.add(new Node(op, ImmutableList.of(a, b), ImmutableList.of(output)));
  }
}
