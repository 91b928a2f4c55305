package io.github.p3o.transformer;

import com.google.common.primitives.ImmutableLongArray;
import org.jspecify.annotations.Nullable;

/**
 * A product with a matrix, and perhaps a bias: its place among the tensors of a checkpoint.
 *
 * @param module name of both tensors up to the last dot
 * @param inputs elements that it reads
 * @param outputs elements that it gives
 * @param order how the matrix lies
 * @param hasBias whether a vector {@code [outputs]} is added
 */
record Linear(String module, int inputs, int outputs, Order order, boolean hasBias) {

  /** How a matrix lies in a checkpoint. */
  enum Order {
    /** {@code [outputs, inputs]}, as almost everywhere. */
    OUTPUTS_FIRST,
    /** {@code [inputs, outputs]}, as GPT-2 has it. */
    INPUTS_FIRST
  }

  /** The name of the matrix. */
  String weight() {
    return module + ".weight";
  }

  /** The name of the vector, null if there is none. */
  @Nullable String bias() {
    return hasBias ? module + ".bias" : null;
  }

  /** Of the matrix. */
  ImmutableLongArray shape() {
    return order == Order.OUTPUTS_FIRST
        ? ImmutableLongArray.of(outputs, inputs)
        : ImmutableLongArray.of(inputs, outputs);
  }

  /** The last part of the name, by which adapters choose. */
  String lastName() {
    return module.substring(module.lastIndexOf('.') + 1);
  }
}
