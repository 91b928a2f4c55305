package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An array {@code [sequences, tokens, heads, elements]}, float32 in row-major order, seen as a
 * matrix {@code [tokens, elements]} for each sequence and head, where it lies.
 */
final class Heads {

  private final INDArray array; // the pointer does not keep its memory alive
  private final FloatPointer first;
  private final int tokens;
  private final int heads;
  private final int elements;

  Heads(INDArray array) {
    checkArgument(
        array.rank() == 4 && isDense(array),
        "heads: expected four axes in row-major order, got shape %s with strides %s",
        Arrays.toString(array.shape()),
        Arrays.toString(array.stride()));
    this.array = array;
    this.first = new FloatPointer(array.data().addressPointer());
    this.tokens = Math.toIntExact(array.size(1));
    this.heads = Math.toIntExact(array.size(2));
    this.elements = Math.toIntExact(array.size(3));
  }

  /** Whether elements lie side by side in row-major order; the stride of a single one is free. */
  static boolean isDense(INDArray array) {
    long stride = 1;
    for (int axis = array.rank() - 1; axis >= 0; axis--) {
      if (array.size(axis) > 1 && array.stride(axis) != stride) {
        return false;
      }
      stride *= array.size(axis);
    }
    return true;
  }

  int sequences() {
    return Math.toIntExact(array.size(0));
  }

  int tokens() {
    return tokens;
  }

  int heads() {
    return heads;
  }

  int elements() {
    return elements;
  }

  /** The matrix of one sequence and head. */
  FloatMatrix of(int sequence, int head) {
    return new FloatMatrix(first, heads * elements)
        .from((long) sequence * tokens, (long) head * elements);
  }

  /** Sets the matrix of one sequence and head to 0. */
  void clear(int sequence, int head) {
    FloatMatrix matrix = of(sequence, head);
    float[] zeros = new float[elements];
    for (int token = 0; token < tokens; token++) {
      matrix.from(token, 0).first().put(zeros);
    }
  }
}
