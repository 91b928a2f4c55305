package io.github.p3o.internal;

import com.google.common.collect.Lists;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.NameScope;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Adds the gradient of a loss to its graph. Each op is differentiated by SameDiff, as {@code
 * SameDiff.createGradFunction} does it in a copy of the graph, but in a name scope of its own: for
 * the name of a new op SameDiff tries one number after the other and compares each with all
 * variables there are, which for a decoder of thirty layers took minutes.
 */
final class Differentiation {

  private static final String SCOPE = "p3o/gradient";
  private static final String ONE = "p3o/one";

  private Differentiation() {}

  /**
   * Adds ∂loss/∂x of the given variables, and of those on the way to them.
   *
   * @param graph of which this is done once
   * @param loss name of a scalar
   * @param by names of variables
   */
  static void addTo(SameDiff graph, String loss, Collection<String> by) {
    SDVariable last = graph.getVariable(loss);
    graph.setGradientForVariableName(loss, graph.constant(ONE, Nd4j.scalar(last.dataType(), 1)));
    for (Node node : Lists.reverse(dependingOn(by, graph, loss))) {
      List<SDVariable> gradients =
          node.outputs().stream().map(output -> gradientOf(graph.getVariable(output))).toList();
      differentiate(node, gradients, graph);
    }
  }

  private static void differentiate(Node node, List<SDVariable> gradients, SameDiff graph) {
    NameScope scope = graph.withNameScope(SCOPE + graph.getOps().size());
    try {
      List<@Nullable SDVariable> mended = MendedGradients.of(node.op(), gradients).orElse(null);
      if (mended == null) {
        differentiateByNd4j(node, gradients);
      } else {
        for (int i = 0; i < mended.size(); i++) {
          add(node.op().arg(i), mended.get(i), graph);
        }
      }
    } finally {
      scope.close();
    }
  }

  /** A failure names the op, which ND4J's message often does not. */
  private static void differentiateByNd4j(Node node, List<SDVariable> gradients) {
    try {
      node.op().diff(gradients);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "graph: expected ops that ND4J can differentiate, got %s for %s: %s",
              node.opName(),
              node.output(),
              e),
          e);
    }
  }

  private static void add(SDVariable to, @Nullable SDVariable gradient, SameDiff graph) {
    if (gradient != null) {
      SDVariable before = to.gradient();
      graph.setGradientForVariableName(
          to.name(), before == null ? gradient : Ops.add(before, gradient));
    }
  }

  /** The ops between, each after those that it reads from. */
  private static List<Node> dependingOn(Collection<String> by, SameDiff graph, String loss) {
    Set<String> varying = new HashSet<>(by);
    return Program.orderFor(graph, Set.of(loss)).stream()
        .filter(
            node -> {
              boolean depends = node.inputs().stream().anyMatch(varying::contains);
              if (depends) {
                node.outputs().stream()
                    .filter(output -> graph.getVariable(output).dataType().isFPType())
                    .forEach(varying::add);
              }
              return depends;
            })
        .filter(node -> node.outputs().stream().anyMatch(varying::contains))
        .toList();
  }

  /** 0 where the loss does not depend on it. */
  private static SDVariable gradientOf(SDVariable output) {
    SDVariable gradient = output.gradient();
    return gradient == null ? output.getSameDiff().zerosLike(output) : gradient;
  }
}
