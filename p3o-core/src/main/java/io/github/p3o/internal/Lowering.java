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
 * Replaces gradient ops that ND4J runs slowly by equal cheaper ones, and leaves out those of their
 * outputs that nothing reads.
 */
final class Lowering {

  private Lowering() {}

  /** Emits the op in another form; false if it has none. */
  static boolean emit(Planner planner, SameDiffOp node) {
    return switch (node.getOp().opName()) {
      case "matmul_bp" -> emitMatmulGradient(planner, node);
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
    List<String> inputs = ImmutableList.of(a, b);
    OpContext context = planner.contextFor(op, inputs);
    context.setOutputArray(0, planner.allocate(output, like.dataType(), like.shape()));
    planner.emit(op, inputs, context);
  }
}
