package io.github.p3o.internal;

import org.nd4j.linalg.api.ndarray.INDArray;

/** One step of a program, its arguments, inputs and outputs in place: only to be executed. */
public interface Step extends AutoCloseable {

  void execute();

  /** Reads another array of the same shape from now on. */
  void setInput(int slot, INDArray array);

  /** Frees native memory that is the step's own. */
  @Override
  void close();
}
