package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.Parameters;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class GradientSumTest {

  private static ImmutableMap<String, INDArray> gradients(double scale) {
    return ImmutableMap.of(
        Program.gradientOf("vector"),
        Nd4j.createFromArray(1.0, 2).mul(scale),
        Program.gradientOf("matrix"),
        Nd4j.createFromArray(new double[][] {{3}, {4}}).mul(scale),
        "loss",
        Nd4j.scalar(99.0));
  }

  @Test
  void add_severalParts_sumsInTheOrderOfTheParameters() {
    try (Parameters parameters =
            Parameters.copyOf(
                ImmutableMap.of(
                    "matrix", Nd4j.createFromArray(new double[][] {{0}, {0}}),
                    "vector", Nd4j.createFromArray(0.0, 0)));
        GradientSum sum = new GradientSum(parameters)) {
      assertThat(sum.vector().toDoubleVector()).containsExactly(0, 0, 0, 0);
      sum.add(gradients(1));
      sum.add(gradients(10));
      assertThat(sum.vector().toDoubleVector()).containsExactly(33, 44, 11, 22);
      assertThat(parameters.vector().toDoubleVector()).containsOnly(0);
      assertThatThrownBy(() -> sum.add(ImmutableMap.of()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("name: expected one of [], got gradient of matrix");
    }
  }

  /** A sum with 0 would give 0 for −0. */
  @Test
  void add_ofOnePart_isACopy() {
    try (Parameters parameters =
            Parameters.copyOf(ImmutableMap.of("vector", Nd4j.createFromArray(0.0, 0)));
        GradientSum sum = new GradientSum(parameters)) {
      sum.add(ImmutableMap.of(Program.gradientOf("vector"), Nd4j.createFromArray(-0.0, 1)));
      assertThat(sum.vector().toDoubleVector()).containsExactly(-0.0, 1);
    }
  }
}
