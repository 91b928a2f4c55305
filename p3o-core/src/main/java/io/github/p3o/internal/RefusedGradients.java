package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.impl.layers.convolution.AvgPooling2D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Pooling2D;

/**
 * Ops whose gradient is wrong in ND4J 1.0.0-M1.1 without a word, and that have others that serve as
 * well. HostOpsRefusedTest has each.
 */
final class RefusedGradients {

  /** ND4J's name of the op → what to use. */
  private static final ImmutableMap<String, String> INSTEAD =
      ImmutableMap.<String, String>builder()
          .put("batch_to_space_nd", "depthToSpace")
          .put("batchnorm", "layerNorm, or a product and a sum with constants")
          .put("crop_and_resize", "slice")
          .put("flatten_2d", "reshape")
          .put("fmod", "floorMod")
          .put("gru", "lstmLayer, or matrix products, sigmoid and tanh")
          .put("hardtanhderivative", "comparisons cast to numbers")
          .put("jaccarddistance", "min, max and sum")
          .put("logentropy", "log of entropy")
          .put("lrn", "layerNorm")
          .put("meshgrid", "tile")
          .put("mod", "floorMod")
          .put("scatter_div", "a product with one-hot rows")
          .put("scatter_max", "max of two arrays")
          .put("scatter_min", "min of two arrays")
          .put("scatter_mul", "a product with one-hot rows")
          .put("shannonentropy", "entropy, divided by log 2")
          .put("softsignderivative", "a quotient with abs")
          .buildOrThrow();

  private RefusedGradients() {}

  /**
   * Checks that an op's gradient is not known to be wrong.
   *
   * @throws IllegalArgumentException with what to use instead
   */
  static void check(DifferentialFunction op) {
    String instead = INSTEAD.get(op.opName());
    if (instead == null) {
      instead = settings(op);
    }
    if (instead != null) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "graph: expected ops whose gradient ND4J has right, got %s for %s; use %s instead",
              op.opName(),
              op.outputVariablesNames()[0],
              instead));
    }
  }

  /** For ops that are wrong with some settings only. */
  private static @Nullable String settings(DifferentialFunction op) {
    return switch (op.opName()) {
      case "pad" -> number(op, 0) == 0 ? null : "PadMode.CONSTANT";
      case "upsampling2d" -> number(op, 2) == 0 ? "it on channels before height" : null;
      case "upsampling3d" -> number(op, 4) == 0 ? "it on channels before depth" : null;
      case "batch_to_space" -> crops(op) ? "it without cropping, and slice" : null;
      case "dot_product_attention" -> readsWeights(op) ? "softmax of a matrix product" : null;
      case "lstmLayer" -> hasStates(op) ? "it without lengths, first states and peepholes" : null;
      default -> includesPadding(op) ? "Divisor.EXCLUDE_PADDING" : null;
    };
  }

  private static long number(DifferentialFunction op, int index) {
    long[] numbers = MendedGradients.numbers(op);
    return index < numbers.length ? numbers[index] : -1;
  }

  private static boolean crops(DifferentialFunction op) {
    SDVariable crops = op.arg(1);
    return !crops.isConstant() || crops.getArr().sumNumber().doubleValue() != 0;
  }

  private static boolean includesPadding(DifferentialFunction op) {
    return op instanceof AvgPooling2D pooling
        && pooling.getConfig() != null
        && pooling.getConfig().getDivisor() == Pooling2D.Divisor.INCLUDE_PADDING;
  }

  /** Whether the loss depends on an attention's weights beside what it gives. */
  private static boolean readsWeights(DifferentialFunction op) {
    return op.outputVariables().length > 1 && op.outputVariables()[1].gradient() != null;
  }

  /** Its flags are: bias, lengths, first output, first cell, peepholes, and what it gives. */
  private static boolean hasStates(DifferentialFunction op) {
    boolean[] flags = ((CustomOp) op).bArgs();
    return flags.length > 4 && (flags[1] || flags[2] || flags[3] || flags[4]);
  }
}
