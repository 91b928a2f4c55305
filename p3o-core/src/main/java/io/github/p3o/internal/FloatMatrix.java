package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sgemm;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sgemv;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A float32 matrix where it lies, perhaps in a wider one, and its products by BLAS. Whoever has it
 * keeps its memory alive.
 *
 * @param first its first element
 * @param stride from one row to the next
 */
public record FloatMatrix(FloatPointer first, int stride) {

  /** OpenBLAS takes threads of its own for products of more; then its callers wait in turn. */
  static final int MAX_PRODUCT = 1 << 18;

  /** The same, for the elements of a matrix that a vector is multiplied with. */
  static final int MAX_OF_VECTOR = 1 << 13;

  /** Whether arrays of a type lie where this class finds them: float32 on the CPU. */
  public static boolean reaches(DataType type) {
    return type == DataType.FLOAT && Fusion.isOnCpu();
  }

  /** An array in row-major order; its last axis is a row. */
  public static FloatMatrix of(INDArray array) {
    checkArgument(
        reaches(array.dataType()) && Heads.isDense(array),
        "array: expected float32 in row-major order on the CPU, got %s of shape %s, strides %s",
        array.dataType(),
        Arrays.toString(array.shape()),
        Arrays.toString(array.stride()));
    int columns = Math.toIntExact(array.size(-1));
    return new FloatMatrix(new FloatPointer(array.data().addressPointer()), columns);
  }

  /** Copies elements from the first on. */
  public void get(float[] into, int at, int count) {
    first.get(into, at, count);
  }

  /** Replaces elements from the first on. */
  public void put(float[] from, int at, int count) {
    first.put(from, at, count);
  }

  /** The bytes of the elements from the first on, where they lie. */
  public ByteBuffer bytes(int count) {
    return new FloatPointer(first).limit(first.position() + count).asByteBuffer();
  }

  /** What begins further down and further right. */
  public FloatMatrix from(long row, long column) {
    return new FloatMatrix(
        new FloatPointer(first).position(first.position() + row * stride + column), stride);
  }

  /** The same elements in rows of another length. */
  public FloatMatrix withStride(int other) {
    return new FloatMatrix(first, other);
  }

  /**
   * This = {@code a b + β · this}, {@code [rows, columns]}; {@code a} has {@code inner} columns.
   */
  public void product(FloatMatrix a, FloatMatrix b, int rows, int columns, int inner, float beta) {
    product(CblasNoTrans, a, CblasNoTrans, b, rows, columns, inner, 1, beta);
  }

  /** This = {@code a bᵀ}. */
  public void productTransposed(FloatMatrix a, FloatMatrix b, int rows, int columns, int inner) {
    product(CblasNoTrans, a, CblasTrans, b, rows, columns, inner, 1, 0);
  }

  /** This = this + {@code α a bᵀ}. */
  public void addProductTransposed(
      float alpha, FloatMatrix a, FloatMatrix b, int rows, int columns, int inner) {
    product(CblasNoTrans, a, CblasTrans, b, rows, columns, inner, alpha, 1);
  }

  /** This = this + {@code aᵀ b}. */
  void addTransposedProduct(FloatMatrix a, FloatMatrix b, int rows, int columns, int inner) {
    product(CblasTrans, a, CblasNoTrans, b, rows, columns, inner, 1, 1);
  }

  /**
   * How many columns of the result one product gives so that OpenBLAS stays on the thread that
   * calls it, and is as fast as in one product: few rows are not worth what it does to prepare all
   * of a large matrix.
   *
   * @return a multiple of 16, or 0 if there is none
   */
  public static int columnsAtOnce(int rows, int inner) {
    int columns = MAX_PRODUCT / (rows * inner);
    return rows == 1 ? 0 : Math.min(columns, 96) / 16 * 16;
  }

  private void product(
      int formA,
      FloatMatrix a,
      int formB,
      FloatMatrix b,
      int rows,
      int columns,
      int inner,
      float alpha,
      float beta) {
    if (rows == 1 && formA == CblasNoTrans) { // a fifth of the time
      boolean transposed = formB == CblasTrans;
      cblas_sgemv(
          CblasRowMajor,
          transposed ? CblasNoTrans : CblasTrans,
          transposed ? columns : inner,
          transposed ? inner : columns,
          alpha,
          b.first,
          b.stride,
          a.first,
          1,
          beta,
          first,
          1);
      return;
    }
    cblas_sgemm(
        CblasRowMajor,
        formA,
        formB,
        rows,
        columns,
        inner,
        alpha,
        a.first,
        a.stride,
        b.first,
        b.stride,
        beta,
        first,
        stride);
  }
}
