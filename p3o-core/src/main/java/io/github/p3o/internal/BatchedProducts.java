package io.github.p3o.internal;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The products of many pairs of matrices by one call of BLAS. ND4J's matmul calls it for each pair,
 * on a device with copies of the matrices and waits for them (ADR 55).
 */
final class BatchedProducts implements Step {

  private final INDArray[] inputs;
  private final boolean[] transposed;
  private final INDArray output;
  private final INDArray ones;
  private final INDArray zeros;
  private NativeStep step;

  /**
   * A step for arrays that {@link #takes} takes.
   *
   * @param a {@code [..., M, K]}, or {@code [..., K, M]} if it is transposed
   * @param b {@code [..., K, N]}, or {@code [..., N, K]} if it is transposed
   * @param output {@code [..., M, N]}, in row-major order
   */
  BatchedProducts(INDArray a, boolean transposeA, INDArray b, boolean transposeB, INDArray output) {
    this.inputs = new INDArray[] {a, b};
    this.transposed = new boolean[] {transposeA, transposeB};
    this.output = output;
    long count = output.length() / (output.size(-1) * output.size(-2));
    this.ones = Nd4j.ones(output.dataType(), count);
    this.zeros = Nd4j.zeros(output.dataType(), count);
    this.step = step();
  }

  /**
   * Whether there are several matrices, in rows or in columns; of arrays of one type on a device,
   * as a CPU's op crashes.
   */
  static boolean takes(INDArray a, INDArray b) {
    return a.rank() > 2
        && a.rank() == b.rank()
        && (a.dataType() == DataType.FLOAT || a.dataType() == DataType.DOUBLE)
        && a.length() > a.size(-1) * a.size(-2)
        && Arrays.equals(leading(a.shape()), leading(b.shape()))
        && hasLayout(a)
        && hasLayout(b);
  }

  private static long[] leading(long[] values) {
    return Arrays.copyOf(values, values.length - 2);
  }

  /** Row by row or column by column without gaps: of others ND4J multiplies copies. */
  private static boolean hasLayout(INDArray array) {
    long rows = array.size(-2);
    long columns = array.size(-1);
    return (isStride(array, -1, 1) && isStride(array, -2, columns))
        || (isStride(array, -2, 1) && isStride(array, -1, rows));
  }

  /** The stride of a dimension of size 1 can be anything. */
  private static boolean isStride(INDArray array, int dimension, long stride) {
    return array.size(dimension) == 1 || array.stride(dimension) == stride;
  }

  private NativeStep step() {
    Operand second = new Operand(inputs[0], transposed[0]); // M × K here, K × M there
    Operand first = new Operand(inputs[1], transposed[1]); // K × N here, N × K there
    Operand result = new Operand(output, false);
    List<INDArray> arguments = new ArrayList<>(List.of(ones, zeros));
    arguments.addAll(first.matrices());
    arguments.addAll(second.matrices());
    DynamicCustomOp op =
        DynamicCustomOp.builder("batched_gemm")
            .addIntegerArguments(
                first.isTransposed() ? 1 : 0,
                second.isTransposed() ? 1 : 0,
                Math.toIntExact(first.columns()),
                Math.toIntExact(second.rows()),
                Math.toIntExact(first.rows()),
                first.leadingDimension(),
                second.leadingDimension(),
                result.leadingDimension(),
                Math.toIntExact(ones.length()))
            .build();
    OpContext context = Nd4j.getExecutioner().buildContext();
    context.setIArguments(op.iArgs());
    context.setInputArrays(arguments);
    context.setOutputArrays(result.matrices());
    return new NativeStep(op, context);
  }

  /** One side: its matrices as {@code rows} × {@code columns}, transposed or not. */
  private record Operand(INDArray array, boolean transposed) {

    long rows() {
      return array.size(transposed ? -1 : -2);
    }

    long columns() {
      return array.size(transposed ? -2 : -1);
    }

    /** Rows whose elements lie side by side are columns to BLAS; others are transposed there. */
    boolean isTransposed() {
      return !isStride(array, transposed ? -2 : -1, 1);
    }

    int leadingDimension() {
      return Math.toIntExact(isTransposed() ? rows() : columns());
    }

    /** Each matrix, {@code columns} × {@code rows}, where it lies. */
    List<INDArray> matrices() {
      long[] counts = leading(array.shape());
      long[] strides = leading(array.stride());
      long[] shape = {columns(), rows()};
      long[] stride = isTransposed() ? new long[] {rows(), 1} : new long[] {1, columns()};
      char order = isTransposed() ? 'c' : 'f';
      List<INDArray> matrices = new ArrayList<>();
      long count = Arrays.stream(counts).reduce(1, (x, y) -> x * y);
      for (long i = 0; i < count; i++) {
        long offset = array.offset();
        long left = i;
        for (int axis = counts.length - 1; axis >= 0; axis--) {
          offset += left % counts[axis] * strides[axis];
          left /= counts[axis];
        }
        matrices.add(Nd4j.create(array.data(), shape, stride, offset, order, array.dataType()));
      }
      return matrices;
    }
  }

  @Override
  public void setInput(int slot, INDArray array) {
    inputs[slot] = array;
    step.close();
    step = step();
  }

  @Override
  public void execute() {
    step.execute();
  }

  @Override
  public void close() {
    step.close();
  }
}
