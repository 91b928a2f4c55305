package io.github.p3o.internal;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

/**
 * Products of matrices, on a device without copies where that can be. BLAS counts columns first
 * there, and into a result that lies row by row ND4J copies twice; {@code outputᵀ = bᵀ aᵀ} lies as
 * BLAS counts (ADR 55).
 */
public final class Products {

  private Products() {}

  /** {@code output = a b}, or a product for each pair of matrices. */
  public static Step of(INDArray output, INDArray a, INDArray b) {
    return new Product(output, a, false, b, false, 0).step();
  }

  /** {@code output = a bᵀ}, or a product for each pair of matrices. */
  public static Step transposed(INDArray output, INDArray a, INDArray b) {
    return new Product(output, a, false, b, true, 0).step();
  }

  /** {@code output = output + a b}. */
  public static Step added(INDArray output, INDArray a, INDArray b) {
    return new Product(output, a, false, b, false, 1).step();
  }

  /** Whether there is a device, and another way to multiply these on it than ND4J's matmul. */
  static boolean takes(INDArray a, INDArray b) {
    return DeviceThread.isOnDevice()
        && a.dataType() == b.dataType()
        && ((a.rank() == 2 && b.rank() == 2) || BatchedProducts.takes(a, b));
  }

  /**
   * {@code output = a b + β output}.
   *
   * @param output {@code [..., M, N]}, in row-major order
   * @param a {@code [..., M, K]}, or {@code [..., K, M]} if it is transposed
   * @param b {@code [..., K, N]}, or {@code [..., N, K]} if it is transposed
   * @param beta β; 0 where there are several matrices
   */
  record Product(
      INDArray output,
      INDArray a,
      boolean transposeA,
      INDArray b,
      boolean transposeB,
      double beta) {

    /** As the backend computes it best. */
    Step step() {
      if (!takes(a, b)) {
        return plain();
      }
      return a.rank() == 2
          ? exchanged()
          : new BatchedProducts(a, transposeA, b, transposeB, output);
    }

    /** {@code outputᵀ = bᵀ aᵀ + β outputᵀ}, of two matrices. */
    Step exchanged() {
      return new Exchanged(
          new Product(output.transpose(), b, !transposeB, a, !transposeA, beta).plain());
    }

    private NativeStep plain() {
      DynamicCustomOp op =
          DynamicCustomOp.builder("matmul")
              .addIntegerArguments(transposeA ? 1 : 0, transposeB ? 1 : 0, 0)
              .addFloatingPointArguments(1.0, beta)
              .build();
      return NativeStep.of(op, output, a, b);
    }
  }

  private record Exchanged(NativeStep step) implements Step {

    @Override
    public void execute() {
      step.execute();
    }

    @Override
    public void setInput(int slot, INDArray array) {
      step.setInput(1 - slot, array);
    }

    @Override
    public void close() {
      step.close();
    }
  }
}
