package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * Gradients of ND4J's losses. Their own are those of the loss, or of the sum of its elements,
 * whatever comes in: the last op of a graph is all that they are made for.
 */
final class LossGradients {

  /** By ND4J's name of the op. */
  static final ImmutableMap<String, MendedGradients.Rule> RULES =
      ImmutableMap.<String, MendedGradients.Rule>builder()
          .put("absolute_difference_loss", LossGradients::ofLoss)
          .put("cosine_distance_loss", LossGradients::ofLoss)
          .put("hinge_loss", LossGradients::ofLoss)
          .put("huber_loss", LossGradients::ofLoss)
          .put("log_loss", LossGradients::ofLoss)
          .put("log_poisson_loss", LossGradients::ofLoss)
          .put("mean_pairwssqerr_loss", LossGradients::ofLoss)
          .put("mean_sqerr_loss", LossGradients::ofLoss)
          .put("sigm_cross_entropy_loss", LossGradients::ofLoss)
          .put("softmax_cross_entropy_loss", LossGradients::ofLoss)
          .put("softmax_cross_entropy_loss_with_logits", LossGradients::ofLogits)
          .put("sparse_softmax_cross_entropy_loss_with_logits", LossGradients::ofSparse)
          .put("l2_loss", (op, g) -> Arrays.asList(Ops.multiply(op.arg(), g.get(0))))
          .buildOrThrow();

  private LossGradients() {}

  /** By predictions, weights and labels. */
  private static List<@Nullable SDVariable> ofLoss(
      DifferentialFunction op, List<SDVariable> incoming) {
    SDVariable g = incoming.get(0);
    List<SDVariable> own = op.doDiff(incoming);
    boolean isReduced = MendedGradients.numbers(op)[0] != 0;
    if (isReduced) {
      return times(own, g);
    }
    SDVariable weights = op.arg(1);
    // The loss is linear in its weights.
    SDVariable unweighted = Ops.multiply(op.outputVariable(), Ops.reciprocal(weights));
    return Arrays.asList(
        Ops.multiply(own.get(0), g),
        MendedGradients.summedTo(weights, Ops.multiply(g, unweighted)),
        Ops.multiply(own.get(2), g));
  }

  private static List<@Nullable SDVariable> times(List<SDVariable> own, SDVariable incoming) {
    return Stream.of(own.get(0), own.get(1), own.get(2))
        .<@Nullable SDVariable>map(gradient -> Ops.multiply(gradient, incoming))
        .toList();
  }

  /** By logits and labels; a loss for each row. */
  private static List<@Nullable SDVariable> ofLogits(
      DifferentialFunction op, List<SDVariable> incoming) {
    List<SDVariable> own = op.doDiff(incoming);
    int axis = Math.toIntExact(MendedGradients.numbers(op)[0]);
    SDVariable each = op.getSameDiff().expandDims(incoming.get(0), axis);
    return Arrays.asList(Ops.multiply(own.get(0), each), Ops.multiply(own.get(1), each));
  }

  /** By labels, which have none, and logits. */
  private static List<@Nullable SDVariable> ofSparse(
      DifferentialFunction op, List<SDVariable> incoming) {
    SDVariable ofSum = op.doDiff(incoming).get(1);
    SDVariable column = op.getSameDiff().expandDims(incoming.get(0), -1);
    return Arrays.asList(null, Ops.multiply(ofSum, column));
  }
}
