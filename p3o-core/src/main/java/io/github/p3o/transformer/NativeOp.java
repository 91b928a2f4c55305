package io.github.p3o.transformer;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.factory.Nd4j;

/** A native operation with its arrays in place: only to be executed, again and again. */
final class NativeOp implements AutoCloseable {

  private final CustomOp op;
  private final OpContext context;

  private NativeOp(CustomOp op, INDArray output, INDArray... inputs) {
    this.op = op;
    this.context = Nd4j.getExecutioner().buildContext();
    for (int i = 0; i < inputs.length; i++) {
      context.setInputArray(i, inputs[i]);
    }
    context.setOutputArray(0, output);
    context.setIArguments(op.iArgs());
    context.setTArguments(op.tArgs());
  }

  static NativeOp of(String name, INDArray output, INDArray... inputs) {
    return new NativeOp(DynamicCustomOp.builder(name).build(), output, inputs);
  }

  /** An operation along an axis. */
  static NativeOp alongAxis(int axis, String name, INDArray output, INDArray... inputs) {
    return new NativeOp(
        DynamicCustomOp.builder(name).addIntegerArguments(axis).build(), output, inputs);
  }

  /** {@code output = a b}; {@code a} and {@code b} may be views. */
  static NativeOp product(INDArray output, INDArray a, INDArray b) {
    return matmul(false, 0, output, a, b);
  }

  /** {@code output = a bᵀ}. */
  static NativeOp productTransposed(INDArray output, INDArray a, INDArray b) {
    return matmul(true, 0, output, a, b);
  }

  /** {@code output = output + a b}. */
  static NativeOp addProduct(INDArray output, INDArray a, INDArray b) {
    return matmul(false, 1, output, a, b);
  }

  private static NativeOp matmul(
      boolean transposed, double beta, INDArray output, INDArray a, INDArray b) {
    DynamicCustomOp op =
        DynamicCustomOp.builder("matmul")
            .addIntegerArguments(0, transposed ? 1 : 0, 0)
            .addFloatingPointArguments(1.0, beta)
            .build();
    return new NativeOp(op, output, a, b);
  }

  void execute() {
    Nd4j.getExecutioner().exec(op, context);
  }

  void setInput(int index, INDArray array) {
    context.setInputArray(index, array);
  }

  void setOutput(INDArray array) {
    context.setOutputArray(0, array);
  }

  @Override
  public void close() {
    try {
      context.close();
    } catch (Exception e) {
      throw new IllegalStateException("could not free the native context of " + op.opName(), e);
    }
  }
}
