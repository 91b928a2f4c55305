package io.github.p3o.internal;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.IntPointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Sums rows by their ids: row r of the result is the sum of the updates whose id is r, in their
 * order, whatever the number of threads.
 */
final class ScatterStep implements Step {

  /** The result is computed in this many parts: enough to keep a few threads busy. */
  private static final int PARTS = 8;

  private final INDArray[] inputs; // updates and ids: the views do not keep their memory alive
  private final INDArray output;
  private final FloatBuffer sums;
  private final int rows;
  private final int width;
  private FloatBuffer updates;
  private IntBuffer ids;

  /**
   * A step for arrays in row-major order.
   *
   * @param updates float32 {@code [ids, …]}
   * @param ids int32 {@code [ids]}, each from 0 to the number of rows − 1
   * @param output float32 {@code [rows, …]}
   */
  ScatterStep(INDArray updates, INDArray ids, INDArray output) {
    this.inputs = new INDArray[] {updates, ids};
    this.output = output;
    this.updates = RowStep.view(updates);
    this.ids = view(ids);
    this.sums = RowStep.view(output);
    this.rows = Math.toIntExact(output.size(0));
    this.width = Math.toIntExact(output.length() / rows);
  }

  private static IntBuffer view(INDArray ids) {
    IntPointer pointer = new IntPointer(ids.data().addressPointer());
    return pointer.capacity(ids.length()).asBuffer();
  }

  @Override
  public void setInput(int slot, INDArray array) {
    inputs[slot] = array;
    updates = RowStep.view(inputs[0]);
    ids = view(inputs[1]);
  }

  @Override
  public void execute() {
    int[] named = new int[ids.capacity()];
    ids.get(0, named);
    checkIds(named);
    IntStream.range(0, PARTS).parallel().forEach(part -> sum(part, named));
  }

  private void checkIds(int[] named) {
    for (int id : named) {
      if (id < 0 || id >= rows) {
        throw new IllegalArgumentException(
            "ids: expected 0 to " + (output.size(0) - 1) + ", got " + id);
      }
    }
  }

  private void sum(int part, int[] named) {
    int begin = (int) ((long) rows * part / PARTS);
    int end = (int) ((long) rows * (part + 1) / PARTS);
    float[] sum = new float[width];
    float[] update = new float[width];
    for (int row = begin; row < end; row++) {
      sums.put(row * width, sum);
    }
    for (int i = 0; i < named.length; i++) {
      if (named[i] >= begin && named[i] < end) {
        sums.get(named[i] * width, sum);
        updates.get(i * width, update);
        RowKernels.add(sum, sum, update, width);
        sums.put(named[i] * width, sum);
      }
    }
  }

  @Override
  public void close() {
    // the arrays belong to the program
  }
}
