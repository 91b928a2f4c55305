package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.NonFiniteException;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.OptimizerConfig.Schedule;
import io.github.p3o.Parameters;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Scale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class AdamWTest {

  private static final int N = 12;

  /** Algorithm 2 of arXiv 1711.05101 as PyTorch orders it, one number at a time. */
  private static final class Plain {
    private final OptimizerConfig config;
    private final double[] theta;
    private final double[] m = new double[N];
    private final double[] v = new double[N];
    private int t;

    Plain(OptimizerConfig config, double[] theta) {
      this.config = config;
      this.theta = theta.clone();
    }

    double update(double[] gradient) {
      double sum = 0;
      for (double g : gradient) {
        sum += g * g;
      }
      double norm = Math.sqrt(sum);
      double scale = norm > config.maxGradientNorm() ? config.maxGradientNorm() / norm : 1;
      double rate = config.learningRateAt(t);
      t++;
      for (int i = 0; i < N; i++) {
        double g = gradient[i] * scale;
        m[i] = config.beta1() * m[i] + (1 - config.beta1()) * g;
        v[i] = config.beta2() * v[i] + (1 - config.beta2()) * g * g;
        double mHat = m[i] / (1 - Math.pow(config.beta1(), t));
        double vHat = v[i] / (1 - Math.pow(config.beta2(), t));
        theta[i] -= rate * config.weightDecay() * theta[i];
        theta[i] -= rate * mHat / (Math.sqrt(vHat) + config.epsilon());
      }
      return norm;
    }
  }

  private static double[] normals(Random random, double scale) {
    return random.doubles(N).map(u -> scale * (2 * u - 1)).toArray();
  }

  private static Parameters parametersOf(double[] values) {
    return Parameters.copyOf(ImmutableMap.of("theta", Nd4j.createFromArray(values)));
  }

  private static void assertAgrees(OptimizerConfig config, Random random, int updates) {
    double[] start = normals(random, 2);
    Plain plain = new Plain(config, start);
    try (Parameters parameters = parametersOf(start);
        AdamW adamW = new AdamW(parameters, config)) {
      for (int i = 0; i < updates; i++) {
        double[] gradient = normals(random, i % 3 == 0 ? 3 : 0.2); // some norms above 1, some below
        assertThat(adamW.learningRate()).isEqualTo(config.learningRateAt(i));
        double norm = adamW.update(Nd4j.createFromArray(gradient));
        assertThat(norm).isCloseTo(plain.update(gradient), within(1e-12));
        assertThat(parameters.vector().toDoubleVector())
            .containsExactly(plain.theta, within(1e-12));
      }
      assertThat(adamW.updates()).isEqualTo(updates);
    }
  }

  @Test
  void update_manyTimesWithDecayClippingAndSchedule_equalsPlainJava() {
    OptimizerConfig config =
        new OptimizerConfig(0.02, 0.9, 0.95, 1e-8, 0.1, 1, 20, Schedule.COSINE, 400);
    assertAgrees(config, new Random(1), 420);
  }

  @Property(tries = 40)
  void update_anyConstants_equalsPlainJava(
      @ForAll Random random,
      @ForAll @DoubleRange(max = 0.99) double beta1,
      @ForAll @DoubleRange(max = 0.99) double beta2,
      @ForAll @Scale(8) @DoubleRange(min = 1e-8, max = 0.1) double epsilon,
      @ForAll @DoubleRange(max = 1) double weightDecay) {
    assertAgrees(
        new OptimizerConfig(0.02, beta1, beta2, epsilon, weightDecay, 1, 0, Schedule.CONSTANT, 0),
        random,
        12);
  }

  /** Float32 runs in one pass of our own, float64 op by op. */
  @Test
  void update_inFloat32_givesTheResultInFloat64() {
    OptimizerConfig config =
        new OptimizerConfig(0.02, 0.9, 0.95, 1e-8, 0.1, 1, 3, Schedule.CONSTANT, 0);
    int length = 300_001; // several tasks, and a rest
    INDArray start = Nd4j.rand(DataType.DOUBLE, length).subi(0.5).castTo(DataType.FLOAT);
    try (Parameters narrow = Parameters.copyOf(ImmutableMap.of("theta", start));
        Parameters wide =
            Parameters.copyOf(ImmutableMap.of("theta", start.castTo(DataType.DOUBLE)));
        AdamW inFloat = new AdamW(narrow, config);
        AdamW inDouble = new AdamW(wide, config)) {
      for (int i = 0; i < 5; i++) {
        INDArray gradient = Nd4j.rand(DataType.FLOAT, length).subi(0.5);
        double norm = inDouble.update(gradient.castTo(DataType.DOUBLE));
        assertThat(inFloat.update(gradient)).isCloseTo(norm, within(1e-3 * norm));
      }
      INDArray apart = narrow.vector().castTo(DataType.DOUBLE).subi(wide.vector());
      assertThat(apart.amaxNumber().doubleValue()).isLessThan(1e-6);
    }
  }

  /** Of the bias-corrected √v̂: at the first update |g|, so that the step is lr · g / (|g| + ε). */
  @Test
  void update_first_addsEpsilonToTheCorrectedMoment() {
    OptimizerConfig config =
        new OptimizerConfig(
            0.5, 0.9, 0.95, 0.25, 0, Double.POSITIVE_INFINITY, 0, Schedule.CONSTANT, 0);
    try (Parameters parameters = parametersOf(new double[] {0, 0, 0});
        AdamW adamW = new AdamW(parameters, config)) {
      adamW.update(Nd4j.createFromArray(1.0, -0.25, 0));
      assertThat(parameters.vector().toDoubleVector())
          .containsExactly(new double[] {-0.5 / 1.25, 0.5 * 0.5, 0}, within(1e-15));
    }
  }

  @Test
  void update_ofZeros_onlyDecays() {
    OptimizerConfig config = OptimizerConfig.adamW(0.5).withWeightDecay(0.1);
    try (Parameters parameters = parametersOf(new double[] {1, -2});
        AdamW adamW = new AdamW(parameters, config)) {
      assertThat(adamW.update(Nd4j.createFromArray(0.0, 0))).isZero();
      assertThat(parameters.vector().toDoubleVector())
          .containsExactly(new double[] {0.95, -1.9}, within(1e-15));
    }
  }

  /** ND4J's updater then moves by about ε. */
  @Test
  void update_atTheEndOfTheSchedule_movesNothing() {
    OptimizerConfig config = OptimizerConfig.adamW(0.5).withSchedule(0, Schedule.LINEAR, 1);
    try (Parameters parameters = parametersOf(new double[] {1, -2});
        AdamW adamW = new AdamW(parameters, config)) {
      adamW.update(Nd4j.createFromArray(1.0, 1));
      double[] before = parameters.vector().toDoubleVector();
      adamW.update(Nd4j.createFromArray(1.0, 1));
      assertThat(parameters.vector().toDoubleVector()).containsExactly(before);
    }
  }

  @Test
  void update_float32_staysNearFloat64() {
    Random random = new Random(2);
    double[] start = normals(random, 2);
    OptimizerConfig config = OptimizerConfig.adamW(0.01);
    Plain plain = new Plain(config, start);
    try (Parameters parameters =
            Parameters.copyOf(
                ImmutableMap.of("theta", Nd4j.createFromArray(start).castTo(DataType.FLOAT)));
        AdamW adamW = new AdamW(parameters, config)) {
      for (int i = 0; i < 100; i++) {
        double[] gradient = normals(random, 1);
        plain.update(gradient);
        adamW.update(Nd4j.createFromArray(gradient).castTo(DataType.FLOAT));
      }
      assertThat(parameters.vector().toDoubleVector()).containsExactly(plain.theta, within(1e-5));
    }
  }

  @Test
  void update_nonFiniteGradient_isRefusedAndLeavesNoTrace() {
    double[] start = normals(new Random(3), 1);
    OptimizerConfig config = OptimizerConfig.adamW(0.1);
    Plain plain = new Plain(config, start);
    try (Parameters parameters = parametersOf(start);
        AdamW adamW = new AdamW(parameters, config)) {
      for (double bad : new double[] {Double.NaN, Double.NEGATIVE_INFINITY}) {
        double[] gradient = normals(new Random(4), 1);
        gradient[5] = bad;
        assertThatThrownBy(() -> adamW.update(Nd4j.createFromArray(gradient)))
            .isInstanceOf(NonFiniteException.class)
            .hasMessageStartingWith("gradient: expected finite values, got norm ")
            .hasMessageEndingWith("the parameters are unchanged");
      }
      assertThat(adamW.updates()).isZero();
      assertThat(parameters.vector().toDoubleVector()).containsExactly(start);

      double[] good = normals(new Random(5), 1);
      plain.update(good);
      adamW.update(Nd4j.createFromArray(good));
      assertThat(parameters.vector().toDoubleVector()).containsExactly(plain.theta, within(1e-14));
    }
  }

  @Test
  void update_gradientThatDoesNotFit_isRefusedByShapeAndType() {
    try (Parameters parameters = parametersOf(new double[] {1, 2});
        AdamW adamW = new AdamW(parameters, OptimizerConfig.adamW(0.1))) {
      assertThatThrownBy(() -> adamW.update(Nd4j.createFromArray(1.0, 2, 3)))
          .hasMessage("gradient: expected DOUBLE [2], got DOUBLE [3]");
      assertThatThrownBy(() -> adamW.update(Nd4j.createFromArray(1f, 2)))
          .hasMessage("gradient: expected DOUBLE [2], got FLOAT [2]");
      assertThatThrownBy(() -> adamW.update(Nd4j.createFromArray(new double[][] {{1, 2}})))
          .hasMessage("gradient: expected DOUBLE [2], got DOUBLE [1, 2]");
      INDArray closed = Nd4j.createFromArray(1.0, 2);
      closed.close();
      assertThatThrownBy(() -> adamW.update(closed))
          .hasMessage("gradient: expected an open array, got a closed one");
      assertThat(parameters.vector().toDoubleVector()).containsExactly(1, 2);
    }
  }

  @Test
  void constructor_frozenParameters_areRefused() {
    try (Parameters parameters = parametersOf(new double[] {1});
        Parameters copy = parameters.frozenCopy()) {
      assertThatThrownBy(() -> new AdamW(copy, OptimizerConfig.adamW(0.1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("parameters: expected trainable ones, got frozen ones");
    }
  }

  @Test
  void update_afterClose_isRefused() {
    try (Parameters parameters = parametersOf(new double[] {1})) {
      AdamW adamW = new AdamW(parameters, OptimizerConfig.adamW(0.1));
      adamW.close();
      adamW.close();
      assertThatThrownBy(() -> adamW.update(Nd4j.createFromArray(new double[] {1})))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("trainer: expected an open one, got one that was closed");
    }
  }

  /** Of several tasks, the last one short: what each thread computes is its own. */
  @Test
  @Tag("cpu")
  void pass_overManyTasks_hasTheBitsOfOneLoop() {
    int length = 300_007;
    AdamWPass pass = new AdamWPass(0.7f, 0.9f, 0.95f, 0.01f, 1e-6f, 0.999f);
    Random random = new Random(1);
    float[][] expected = new float[4][length]; // θ, gradient, m, v
    for (float[] values : expected) {
      for (int i = 0; i < length; i++) {
        values[i] = Math.abs((float) random.nextGaussian());
      }
    }
    try (INDArray theta = Nd4j.createFromArray(expected[0]);
        INDArray gradient = Nd4j.createFromArray(expected[1]);
        INDArray first = Nd4j.createFromArray(expected[2]);
        INDArray second = Nd4j.createFromArray(expected[3])) {
      for (int update = 0; update < 3; update++) {
        pass.run(theta, gradient, first, second);
        for (int i = 0; i < length; i++) {
          float g = expected[1][i] * 0.7f;
          expected[2][i] = 0.9f * expected[2][i] + (1 - 0.9f) * g;
          expected[3][i] = 0.95f * expected[3][i] + (1 - 0.95f) * g * g;
          float root = (float) Math.sqrt(expected[3][i]);
          expected[0][i] = 0.999f * expected[0][i] - 0.01f * expected[2][i] / (root + 1e-6f);
        }
      }
      assertThat(theta.toFloatVector()).containsExactly(expected[0]);
      assertThat(first.toFloatVector()).containsExactly(expected[2]);
      assertThat(second.toFloatVector()).containsExactly(expected[3]);
    }
  }

  /** Op by op, it would be scaled and overwritten. */
  @Test
  @Tag("cpu")
  void update_inFloat32_onlyReadsTheGradient() {
    try (Parameters parameters =
            Parameters.copyOf(ImmutableMap.of("theta", Nd4j.zeros(DataType.FLOAT, 2)));
        AdamW adamW = new AdamW(parameters, OptimizerConfig.adamW(0.1).withMaxGradientNorm(1))) {
      INDArray gradient = Nd4j.createFromArray(3f, -4f);
      assertThat(adamW.update(gradient)).isEqualTo(5);
      assertThat(gradient.toFloatVector()).containsExactly(3, -4);
    }
  }
}
