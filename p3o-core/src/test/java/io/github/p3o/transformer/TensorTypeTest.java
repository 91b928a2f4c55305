package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

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
