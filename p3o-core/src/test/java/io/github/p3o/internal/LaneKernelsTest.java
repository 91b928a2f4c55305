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
  }
}
