package io.github.p3o.internal;

import java.util.Arrays;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.Op;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.factory.Nd4j;

/** One native op with its arguments, inputs and outputs in place: only to be executed. */
public final class NativeStep implements Step {

  /** A native context keeps a handle of every array that it was ever given, until it is purged. */
  private static final int MAX_HANDLES = 128;

  private final DifferentialFunction op;
  private final OpContext context;
  private int rebound;

  NativeStep(DifferentialFunction op, OpContext context) {
    this.op = op;
    this.context = context;
  }

  /** An op without arguments. */
  public static NativeStep of(String name, INDArray output, INDArray... inputs) {
    return of(DynamicCustomOp.builder(name).build(), output, inputs);
  }

  /** An op along an axis. */
  public static NativeStep alongAxis(int axis, String name, INDArray output, INDArray... inputs) {
    return of(DynamicCustomOp.builder(name).addIntegerArguments(axis).build(), output, inputs);
  }

  static NativeStep of(DynamicCustomOp op, INDArray output, INDArray... inputs) {
    OpContext context = Nd4j.getExecutioner().buildContext();
    context.setIArguments(op.iArgs());
    context.setTArguments(op.tArgs());
    context.setInputArrays(inputs);
    context.setOutputArray(0, output);
    return new NativeStep(op, context);
  }

  /** Of ND4J. */
  String opName() {
    return op.opName();
  }

  @Override
  public void execute() {
    if (op instanceof CustomOp custom) {
      Nd4j.getExecutioner().exec(custom, context);
    } else {
      Nd4j.getExecutioner().exec((Op) op, context);
    }
  }

  @Override
  public void setInput(int slot, INDArray array) {
    context.setInputArray(slot, array);
    count();
  }

  /** Writes another array of the same shape from now on. */
  public void setOutput(INDArray array) {
    context.setOutputArray(0, array);
    count();
  }

  private void count() {
    if (++rebound % MAX_HANDLES == 0) {
      purge();
    }
  }

  private void purge() {
    INDArray[] inputs = new INDArray[context.numInputArguments()];
    Arrays.setAll(inputs, context::getInputArray);
    INDArray[] outputs = new INDArray[context.numOutputArguments()];
    Arrays.setAll(outputs, context::getOutputArray);
    context.purge();
    context.setInputArrays(inputs);
    context.setOutputArrays(outputs);
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
