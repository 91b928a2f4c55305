package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.indexer.HalfIndexer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;

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

  /** The type of an array's elements. */
  static TensorType of(DataType type) {
    return type == DataType.DOUBLE ? F64 : F32;
  }

  /** PyTorch's name of a type that parameters can have, as {@code config.json} has it. */
  String torchName() {
    return switch (this) {
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      case F64 -> "float64";
      default -> "float32";
    };
  }

  /**
   * Writes little-endian elements, rounded to nearest, to the even one of two that are as near.
   *
   * @param from elements
   * @param to takes them; of a type that {@link #fitsFloat}
   * @return whether every finite value is still finite
   */
  boolean encode(FloatBuffer from, ByteBuffer to) {
    boolean finite = true;
    while (from.hasRemaining()) {
      float value = from.get();
      if (this == F32) {
        to.putFloat(value);
        continue;
      }
      int bits = this == BF16 ? bfloat16(value) : float16(value);
      to.putShort((short) bits);
      int exponent = this == BF16 ? 0x7f80 : 0x7c00;
      finite &= (bits & exponent) != exponent || !Float.isFinite(value);
    }
    return finite;
  }

  private static int bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    // Half of the last bit that stays, less one unless that bit is odd: ties go to even.
    return Float.isNaN(value)
        ? (bits >>> 16) | 0x40 // still not a number
        : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }

  private static int float16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int size = bits & 0x7fffffff;
    if (Float.isNaN(value)) {
      return sign | 0x7e00 | ((size >>> 13) & 0x1ff);
    }
    float magnitude = Math.abs(value);
    if (magnitude < 0x1p-14f) { // a multiple of 2^-24, with no leading one
      return sign | (int) Math.rint(magnitude * 0x1p24f);
    }
    if (magnitude >= 65520) { // halfway from the greatest, 65504, to 2^16
      return sign | 0x7c00;
    }
    return sign | ((size - ((127 - 15) << 23) + 0xfff + ((size >>> 13) & 1)) >>> 13);
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
