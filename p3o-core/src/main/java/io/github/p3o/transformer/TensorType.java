package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.indexer.HalfIndexer;
import org.jspecify.annotations.Nullable;

/**
 * The element types of safetensors, in the format's own order: its writers put the tensors of the
 * greatest type first. Types of less than a byte are left out.
 */
enum TensorType {
  BOOL(1),
  U8(1),
  I8(1),
  F8_E5M2(1),
  F8_E4M3(1),
  I16(2),
  U16(2),
  F16(2),
  BF16(2),
  I32(4),
  U32(4),
  F32(4),
  F64(8),
  I64(8),
  U64(8);

  /** The types that parameters of a model can have. */
  static final ImmutableSet<TensorType> READABLE = ImmutableSet.of(F16, BF16, F32, F64);

  private static final ImmutableMap<String, TensorType> BY_NAME =
      Maps.uniqueIndex(Arrays.asList(values()), TensorType::name);

  private final int bytes;

  TensorType(int bytes) {
    this.bytes = bytes;
  }

  /** The type of that name, null if there is none. */
  static @Nullable TensorType named(String name) {
    return BY_NAME.get(name);
  }

  /** Bytes of one element. */
  int bytes() {
    return bytes;
  }

  /** Whether float32 holds every value of this type, and {@link #decode} reads it. */
  boolean fitsFloat() {
    return this == F32 || this == F16 || this == BF16;
  }

  /**
   * Reads little-endian elements, exactly.
   *
   * @param from elements of a type that {@link #fitsFloat}, all that remains
   * @param to where they go, from index {@code at} on
   */
  void decode(ByteBuffer from, float[] to, int at) {
    switch (this) {
      case F32 -> from.asFloatBuffer().get(to, at, from.remaining() / bytes);
      case F16 -> {
        ShortBuffer halves = from.asShortBuffer();
        for (int i = at; halves.hasRemaining(); i++) {
          to[i] = HalfIndexer.toFloat(Short.toUnsignedInt(halves.get()));
        }
      }
      case BF16 -> {
        ShortBuffer upper = from.asShortBuffer();
        for (int i = at; upper.hasRemaining(); i++) {
          to[i] = Float.intBitsToFloat(upper.get() << 16);
        }
      }
      default -> throw new IllegalStateException("no float32 holds " + this);
    }
  }
}
