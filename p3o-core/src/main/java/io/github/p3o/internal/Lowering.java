package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.util.Arrays;
import java.util.List;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.OpContext;

/**
 * Replaces gradient ops that ND4J runs slowly or wrongly by cheaper or right ones, and leaves out
 * those of their outputs that nothing reads.
 */
final class Lowering {

  private Lowering() {}

  /** Emits the op in another form; false if it has none. */
  static boolean emit(Planner planner, SameDiffOp node) {
    return switch (node.getOp().opName()) {
      case "matmul_bp" -> emitMatmulGradient(planner, node);
      case "scatter_add" -> emitScatterAdd(planner, node);
      case "add_bp", "subtract_bp", "multiply_bp" -> false;
      default -> false;
    };
  }

  /** ∂/∂a and ∂/∂b of {@code y = a b} or {@code y = a bᵀ}: plain matrix products. */
  private static boolean emitMatmulGradient(Planner planner, SameDiffOp node) {
    long[] flags = ((CustomOp) node.getOp()).iArgs();
    String a = node.getInputsToOp().get(0);
    String b = node.getInputsToOp().get(1);
    String g = node.getInputsToOp().get(2);
    boolean transposed = flags.length > 1 && flags[1] == 1;
    boolean plain = Arrays.stream(flags).sum() == (transposed ? 1 : 0);
    if (!plain || planner.array(a).rank() != planner.array(b).rank()) {
      return false;
    }
    String toA = node.getOutputsOfOp().get(0);
    String toB = node.getOutputsOfOp().get(1);
    if (planner.isNeeded(toA)) {
      emitMatmul(planner, g, b, false, !transposed, toA, planner.array(a));
    }
    if (planner.isNeeded(toB)) {
      if (transposed) {
        emitMatmul(planner, g, a, true, false, toB, planner.array(b));
      } else {
        emitMatmul(planner, a, g, true, false, toB, planner.array(b));
      }
    }
    return true;
  }

  /**
   * The gradient of gathered rows: adds rows of {@code updates} to the rows {@code ids} of {@code
   * target}. ND4J's own adds from several threads at once: the order changes from run to run, and
   * for repeated ids some updates are lost. Its segment sum is exact, and the same in every run.
   */
  private static boolean emitScatterAdd(Planner planner, SameDiffOp node) {
    String target = node.getInputsToOp().get(0);
    String ids = node.getInputsToOp().get(1);
    String updates = node.getInputsToOp().get(2);
    INDArray like = planner.array(target);
    if (planner.array(ids).rank() != 1) {
      throw new IllegalArgumentException(
          "ids: expected rank 1, got " + planner.array(ids).rank() + " in " + node.getName());
    }
    if (planner.array(ids).length() == 1) { // nothing to race for; the segment sum misreads one row
      return false;
    }
    DynamicCustomOp sum =
        DynamicCustomOp.builder("unsorted_segment_sum").addIntegerArguments(like.size(0)).build();
    String summed = planner.temporary(1);
    emit(planner, sum, ImmutableList.of(updates, ids), summed, like);
    DynamicCustomOp add = DynamicCustomOp.builder("add").build();
    emit(planner, add, ImmutableList.of(target, summed), node.getOutputsOfOp().get(0), like);
    planner.release(summed);
    return true;
  }

  /** Emits an op with one output, of the type and shape of another array. */
  private static void emit(
      Planner planner, DynamicCustomOp op, List<String> inputs, String output, INDArray like) {
    OpContext context = planner.contextFor(op, inputs);
    context.setOutputArray(0, planner.allocate(output, like.dataType(), like.shape()));
    planner.emit(op, inputs, context);
  }

  private static void emitMatmul(
      Planner planner,
      String a,
      String b,
      boolean transposeA,
      boolean transposeB,
      String output,
      INDArray like) {
    DynamicCustomOp op =
        DynamicCustomOp.builder("matmul")
            .addIntegerArguments(transposeA ? 1 : 0, transposeB ? 1 : 0, 0)
            .build();
    emit(planner, op, ImmutableList.of(a, b), output, like);
  }
}
