package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorTypeTest {

  private static final int ALL = 1 << 16;

  @Test
  void decode_ofEveryFloat16_givesItsValue() {
    float[] decoded = decodeAll(TensorType.F16);

    for (int bits = 0; bits < ALL; bits++) {
      assertThat(decoded[bits]).isEqualTo(Float.valueOf(float16(bits)));
    }
  }

  /** By IEEE 754: sign, 5 bits of exponent, 10 of fraction. */
  private static float float16(int bits) {
    int exponent = bits >> 10 & 31;
    double fraction = (bits & 1023) * 0x1p-10;
    double size;
    if (exponent == 31) {
      size = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
    } else {
      size = exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * Math.pow(2, exponent - 15);
    }
    return (float) (bits >> 15 == 1 ? -size : size);
  }

  @Test
  void decode_ofEveryBfloat16_givesTheUpperHalfOfAFloat32() {
    float[] decoded = decodeAll(TensorType.BF16);

    for (int bits = 0; bits < ALL; bits++) {
      assertThat(decoded[bits]).isEqualTo(Float.valueOf(Float.intBitsToFloat(bits << 16)));
    }
  }

  @Test
  void decode_ofFloat64_throws() {
    ByteBuffer none = ByteBuffer.allocate(0);

    assertThatIllegalStateException()
        .isThrownBy(() -> TensorType.F64.decode(none, new float[0], 0));
  }

  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"F16", "BF16"})
  void encode_ofEveryValueOfAType_givesItsBits(TensorType type) {
    float[] values = decodeAll(type);
    for (int bits = 0; bits < ALL; bits++) {
      int encoded = encode(type, values[bits]);
      if (Float.isNaN(values[bits])) {
        assertThat(values[encoded]).isNaN();
      } else {
        assertThat(encoded).isEqualTo(bits);
      }
    }
  }

  /** Between two neighbours: half way goes to the even one, all else to the nearer. */
  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"F16", "BF16"})
  void encode_betweenTwoValues_roundsToTheNearestAndToTheEvenOne(TensorType type) {
    float[] values = decodeAll(type);
    for (int bits = 0; Float.isFinite(values[bits + 1]); bits++) {
      double exact = (values[bits] + (double) values[bits + 1]) / 2;
      float middle = (float) exact;
      if (middle != exact) {
        continue; // the smallest of bfloat16 are float32's own
      }
      int even = bits % 2 == 0 ? bits : bits + 1;
      assertThat(encode(type, middle)).isEqualTo(even);
      assertThat(encode(type, -middle)).isEqualTo(even | 0x8000);
      assertThat(encode(type, Math.nextDown(middle))).isEqualTo(bits);
      assertThat(encode(type, Math.nextUp(middle))).isEqualTo(bits + 1);
    }
  }

  @Test
  void encode_ofWhatIsTooGreat_saysSo() {
    assertThat(finite(TensorType.F16, 65_519.996f)).isTrue();
    assertThat(finite(TensorType.F16, -65_520)).isFalse();
    assertThat(finite(TensorType.F16, Float.MAX_VALUE)).isFalse();
    assertThat(finite(TensorType.F16, Float.POSITIVE_INFINITY)).isTrue();
    assertThat(finite(TensorType.BF16, Float.MAX_VALUE)).isFalse();
    assertThat(finite(TensorType.BF16, Float.NaN)).isTrue();
    assertThat(finite(TensorType.F32, Float.MAX_VALUE)).isTrue();
  }

  private static boolean finite(TensorType type, float value) {
    return type.encode(FloatBuffer.wrap(new float[] {1, value}), ByteBuffer.allocate(8));
  }

  private static int encode(TensorType type, float value) {
    ByteBuffer bytes = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN);
    type.encode(FloatBuffer.wrap(new float[] {value}), bytes);
    return Short.toUnsignedInt(bytes.getShort(0));
  }

  private static float[] decodeAll(TensorType type) {
    ByteBuffer bytes = ByteBuffer.allocate(2 * ALL).order(ByteOrder.LITTLE_ENDIAN);
    for (int bits = 0; bits < ALL; bits++) {
      bytes.putShort((short) bits);
    }
    float[] decoded = new float[ALL];
    type.decode(bytes.flip(), decoded, 0);
    return decoded;
  }
}
