package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LaneKernelsTest {

  @Test
  void comparisons_ofZeros_doNotSeeTheSign() {
    double[] out = new double[3];
    double[] zeros = {0.0, -0.0, Double.MIN_VALUE};
    LaneKernels.less(out, zeros, 0, 3);
    assertThat(out).containsExactly(0, 0, 0);
    LaneKernels.greater(out, zeros, 0, 3);
    assertThat(out).containsExactly(0, 0, 1);
    LaneKernels.greater(out, zeros, new double[] {-0.0, 0.0, 0.0}, 3);
    assertThat(out).containsExactly(0, 0, 1);
    LaneKernels.outside(out, zeros, 0, 0, 3);
    assertThat(out).containsExactly(0, 0, 1);
    LaneKernels.outside(out, zeros, -0.0, -0.0, 3);
    assertThat(out).containsExactly(0, 0, 1);
  }

  @Test
  void outside_ofTheBoundsThemselves_isZero() {
    double[] out = new double[4];
    double[] values = {-20, 20, Math.nextDown(-20), Math.nextUp(20)};
    LaneKernels.outside(out, values, -20, 20, 4);
    assertThat(out).containsExactly(0, 0, 1, 1);
  }
}
