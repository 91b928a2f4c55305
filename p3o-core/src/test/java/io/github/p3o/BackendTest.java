package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

class BackendTest {

  private static final int N = 512;

  @Test
  void mmul_ofOnesAndRamp_sumsTheRampInEveryRow() {
    INDArray ones = Nd4j.ones(DataType.DOUBLE, N, N);
    INDArray ramp = Nd4j.arange(N).castTo(DataType.DOUBLE).reshape(N, 1).mmul(ones.getRow(0, true));

    INDArray product = ones.mmul(ramp);

    // 0 + 1 + ... + 511, exact in float64
    assertThat(product.minNumber().doubleValue()).isEqualTo(N * (N - 1) / 2.0);
    assertThat(product.maxNumber().doubleValue()).isEqualTo(N * (N - 1) / 2.0);
  }

  @Test
  void exp_ofOne_isE() {
    INDArray e = Transforms.exp(Nd4j.ones(DataType.DOUBLE, 3));

    assertThat(e.toDoubleVector()).containsExactly(Math.E, Math.E, Math.E);
  }

  @Test
  void versions_ofJavaCppAndItsNatives_agree() throws IOException {
    String backend = Nd4j.getBackend().getClass().getSimpleName();
    assumeThat(backend).isEqualTo("CpuBackend"); // CUDA's brings no OpenBLAS

    String javacpp = Loader.getVersion();
    String openblas = Loader.getVersion("org.bytedeco", "openblas");
    System.out.printf("backend %s, JavaCPP %s, OpenBLAS %s%n", backend, javacpp, openblas);

    assertThat(openblas).endsWith("-" + javacpp);
  }
}
