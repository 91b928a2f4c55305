package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@Tag("cpu")
class TokenAttentionTest {

  /** One and several queries of a head, keys that one product takes and that several take. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 4, 1",
    "2, 1, 5, 4, 1",
    "3, 2, 40, 8, 1",
    "2, 1, 700, 32, 1",
    "2, 3, 700, 64, 1",
    "2, 2, 9, 4, 1000"
  })
  void mix_ofAnySizes_isTheSoftmaxOfPlainLoops(
      int heads, int group, int keys, int size, double scale) {
    long queries = (long) heads * group;
    int stride = size + 3; // in wider rows than a head
    INDArray query = OpCheck.random(1, queries, size).mul(scale).castTo(DataType.FLOAT);
    INDArray key = OpCheck.random(2, (long) heads * keys, stride).castTo(DataType.FLOAT);
    INDArray value = OpCheck.random(3, (long) heads * keys, stride).castTo(DataType.FLOAT);
    INDArray mixed = Nd4j.valueArrayOf(new long[] {queries, size}, Float.NaN, DataType.FLOAT);
    TokenAttention attention = new TokenAttention();
    attention.begin(heads + 1, 2 * group, keys + 7, size); // something else before
    attention.begin(heads, group, keys, size);
    for (int head = 0; head < heads; head++) {
      FloatMatrix ofHead = FloatMatrix.of(query).from((long) head * group, 0);
      attention.score(head, ofHead, FloatMatrix.of(key).from((long) head * keys, 1));
    }
    attention.normalise();
    for (int head = 0; head < heads; head++) {
      FloatMatrix to = FloatMatrix.of(mixed).from((long) head * group, 0);
      attention.mix(head, FloatMatrix.of(value).from((long) head * keys, 2), to);
    }
    for (int head = 0; head < heads; head++) {
      for (int q = head * group; q < (head + 1) * group; q++) {
        double[] expected = expected(query, q, key, value, head * keys, keys, size);
        for (int i = 0; i < size; i++) {
          assertThat(mixed.getDouble(q, i)).isCloseTo(expected[i], within(1e-5));
        }
      }
    }
  }

  private static double[] expected(
      INDArray query, int q, INDArray key, INDArray value, int first, int keys, int size) {
    double[] scores = new double[keys];
    double max = Double.NEGATIVE_INFINITY;
    for (int k = 0; k < keys; k++) {
      for (int i = 0; i < size; i++) {
        scores[k] += query.getDouble(q, i) * key.getDouble(first + k, i + 1);
      }
      max = Math.max(max, scores[k]);
    }
    double sum = 0;
    double[] mixed = new double[size];
    for (int k = 0; k < keys; k++) {
      double weight = Math.exp(scores[k] - max);
      sum += weight;
      for (int i = 0; i < size; i++) {
        mixed[i] += weight * value.getDouble(first + k, i + 2);
      }
    }
    for (int i = 0; i < size; i++) {
      mixed[i] /= sum;
    }
    return mixed;
  }

  @Test
  void of_anotherTypeOrOrder_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FloatMatrix.of(Nd4j.zeros(DataType.DOUBLE, 2, 3)))
        .withMessageStartingWith(
            "array: expected float32 in row-major order on the CPU, got DOUBLE");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FloatMatrix.of(Nd4j.zeros(DataType.FLOAT, 2, 3).transpose()))
        .withMessageEndingWith("of shape [3, 2], strides [1, 3]");
  }

  @ParameterizedTest
  @CsvSource({"1, 320, 0", "2, 320, 96", "8, 320, 96", "8, 832, 32", "16, 832, 16", "64, 832, 0"})
  void columnsAtOnce_ofFewRows_staysBelowWhatOpenBlasDivides(int rows, int inner, int columns) {
    assertThat(FloatMatrix.columnsAtOnce(rows, inner)).isEqualTo(columns);
  }
}
