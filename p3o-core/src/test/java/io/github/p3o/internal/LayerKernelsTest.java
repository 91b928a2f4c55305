package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;

/** Against the definitions in float64. */
class LayerKernelsTest {

  private final LayerKernels kernels = new LayerKernels();

  private static float[] random(int length, double scale) {
    Random random = new Random(length);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (scale * random.nextGaussian());
    }
    return values;
  }

  /** erf by Taylor's series, all of whose terms are of one sign: Abramowitz and Stegun 7.1.6. */
  private static double erf(double x) {
    double term = x;
    double sum = x;
    for (int n = 1; n < 400; n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return Math.abs(x) > 6 ? Math.signum(x) : 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }

  private static void assertAgrees(float[] actual, float[] x, DoubleUnaryOperator definition) {
    for (int i = 0; i < x.length; i++) {
      double expected = definition.applyAsDouble(x[i]);
      assertThat((double) actual[i])
          .as("of %s", x[i])
          .isCloseTo(expected, within(1e-6 * Math.max(1, Math.abs(x[i]))));
    }
  }

  /** All over the range, and some of it twice: no length is a multiple of anything. */
  private static float[] points() {
    float[] x = new float[40_013];
    for (int i = 0; i < x.length; i++) {
      x[i] = -20 + i / 1000f;
    }
    x[1] = 1e30f;
    x[2] = -1e30f;
    x[3] = 0;
    return x;
  }

  @Test
  void erf_overTheWholeRange_isTheSeries() {
    float[] x = points();
    float[] actual = new float[x.length];
    LayerKernels.erf(actual, x, 0.5f, x.length);
    for (int i = 0; i < x.length; i++) {
      assertThat((double) actual[i]).isCloseTo(erf(0.5 * x[i]), within(5e-7));
    }
  }

  @Test
  void activations_overTheWholeRange_areTheDefinitions() {
    float[] x = points();
    float[] silu = x.clone();
    kernels.silu(silu, x.length);
    assertAgrees(silu, x, v -> v / (1 + Math.exp(-v)));
    float[] gelu = x.clone();
    kernels.gelu(gelu, x.length);
    assertAgrees(gelu, x, v -> v / 2 * (1 + erf(v / Math.sqrt(2))));
    float[] geluTanh = x.clone();
    kernels.geluTanh(geluTanh, x.length);
    assertAgrees(
        geluTanh,
        x,
        v -> v / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))));
  }

  @Test
  void activations_ofWhatIsNoNumber_areNone() {
    float[] x = {Float.NaN, 1};
    kernels.silu(x, 1);
    assertThat(x).containsExactly(Float.NaN, 1);
    kernels.gelu(x, 1);
    kernels.geluTanh(x, 1);
    assertThat(x[0]).isNaN();
  }

  @Test
  void norms_ofARowAmongOthers_areTheDefinitions() {
    int n = 37;
    float[] x = random(3 * n, 5);
    float[] weight = random(n, 2);
    float[] bias = random(n + 1, 3);
    float[] scaled = new float[2 * n];
    float[] centred = new float[2 * n];
    kernels.rootMeanSquareNorm(scaled, n, x, n, weight, 0.25f);
    kernels.layerNorm(centred, n, x, n, weight, Arrays.copyOf(bias, n), 0.25f);
    double mean = 0;
    double square = 0;
    for (int i = 0; i < n; i++) {
      mean += x[n + i] / (double) n;
      square += (double) x[n + i] * x[n + i] / n;
    }
    for (int i = 0; i < n; i++) {
      assertThat((double) scaled[n + i])
          .isCloseTo(weight[i] * x[n + i] / Math.sqrt(square + 0.25), within(2e-6));
      double variance = square - mean * mean;
      assertThat((double) centred[n + i])
          .isCloseTo(
              weight[i] * (x[n + i] - mean) / Math.sqrt(variance + 0.25) + bias[i], within(5e-6));
      assertThat(scaled[i]).isZero();
    }
  }

  @Test
  void turn_ofPartOfAHead_turnsPairsAndLeavesTheRest() {
    float[] x = random(9, 1);
    float[] before = x.clone();
    double[] angles = {0, 0, 0.3, -1.2};
    float[] cosines = new float[4];
    float[] sines = new float[4];
    for (int i = 0; i < 4; i++) {
      cosines[i] = (float) Math.cos(angles[i]);
      sines[i] = (float) Math.sin(angles[i]);
    }
    LayerKernels.turn(x, 2, cosines, sines, 1, 2);
    for (int i = 0; i < 2; i++) {
      double a = before[2 + i];
      double b = before[4 + i];
      double angle = angles[2 + i];
      assertThat((double) x[2 + i])
          .isCloseTo(a * Math.cos(angle) - b * Math.sin(angle), within(1e-6));
      assertThat((double) x[4 + i])
          .isCloseTo(a * Math.sin(angle) + b * Math.cos(angle), within(1e-6));
    }
    for (int i : new int[] {0, 1, 6, 7, 8}) {
      assertThat(x[i]).isEqualTo(before[i]);
    }
  }
}
