package io.github.p3o.transformer;

import com.google.common.primitives.ImmutableLongArray;

/**
 * Where a tensor lies in a safetensors file.
 *
 * @param type of its elements
 * @param shape its dimensions, outermost first; empty for a scalar
 * @param begin of its first byte, counted from the end of the header
 * @param end after its last byte, counted likewise
 */
record TensorEntry(TensorType type, ImmutableLongArray shape, long begin, long end) {

  /** The number of elements. */
  long elements() {
    return (end - begin) / type.bytes();
  }

  /**
   * The bytes that elements of that type and shape take.
   *
   * @throws ArithmeticException if no {@code long} holds it
   */
  static long bytes(TensorType type, ImmutableLongArray shape) {
    long product = type.bytes();
    for (int i = 0; i < shape.length(); i++) {
      product = Math.multiplyExact(product, shape.get(i));
    }
    return product;
  }
}
