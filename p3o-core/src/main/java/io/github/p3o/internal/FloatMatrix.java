package io.github.p3o.internal;

import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sgemm;

import org.bytedeco.javacpp.FloatPointer;

/**
 * A float32 matrix where it lies, perhaps in a wider one, and its products by BLAS.
 *
 * @param first its first element
 * @param stride from one row to the next
 */
record FloatMatrix(FloatPointer first, int stride) {

  /** OpenBLAS takes threads of its own for products of more; then its callers wait in turn. */
  static final int MAX_PRODUCT = 1 << 18;

  /** What begins further down and further right. */
  FloatMatrix from(long row, long column) {
    return new FloatMatrix(
        new FloatPointer(first).position(first.position() + row * stride + column), stride);
  }

  /**
   * This = {@code a b + β · this}, {@code [rows, columns]}; {@code a} has {@code inner} columns.
   */
  void product(FloatMatrix a, FloatMatrix b, int rows, int columns, int inner, float beta) {
    product(CblasNoTrans, a, CblasNoTrans, b, rows, columns, inner, beta);
  }

  /** This = {@code a bᵀ}. */
  void productTransposed(FloatMatrix a, FloatMatrix b, int rows, int columns, int inner) {
    product(CblasNoTrans, a, CblasTrans, b, rows, columns, inner, 0);
  }

  /** This = this + {@code aᵀ b}. */
  void addTransposedProduct(FloatMatrix a, FloatMatrix b, int rows, int columns, int inner) {
    product(CblasTrans, a, CblasNoTrans, b, rows, columns, inner, 1);
  }

  private void product(
      int formA,
      FloatMatrix a,
      int formB,
      FloatMatrix b,
      int rows,
      int columns,
      int inner,
      float beta) {
    cblas_sgemm(
        CblasRowMajor,
        formA,
        formB,
        rows,
        columns,
        inner,
        1,
        a.first,
        a.stride,
        b.first,
        b.stride,
        beta,
        first,
        stride);
  }
}
