package io.github.p3o.internal;

import java.nio.FloatBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Sums rows by their ids: row r of the result is the sum of the updates whose id is r, in their
 * order, whatever the number of threads.
 */
final class ScatterStep implements Step {

  /** The result is computed in this many parts: enough to keep a few threads busy. */
  private static final int PARTS = 8;

  private final INDArray[] arrays; // updates and output: the views do not keep their memory alive
  private final FloatBuffer sums;
  private final int rows;
  private final int width;
  private FloatBuffer updates;
  private RowIds ids;

  /**
   * A step for arrays in row-major order.
   *
   * @param updates float32 {@code [ids, …]}
   * @param ids int32 {@code [ids]}, each from 0 to the number of rows − 1
   * @param output float32 {@code [rows, …]}
   */
  ScatterStep(INDArray updates, INDArray ids, INDArray output) {
    this.arrays = new INDArray[] {updates, output};
    this.updates = RowStep.view(updates);
    this.ids = new RowIds(ids);
    this.sums = RowStep.view(output);
    this.rows = Math.toIntExact(output.size(0));
    this.width = Math.toIntExact(output.length() / rows);
  }

  @Override
  public void setInput(int slot, INDArray array) {
    if (slot == 0) {
      arrays[0] = array;
      updates = RowStep.view(array);
    } else {
      ids = new RowIds(array);
    }
  }

  @Override
  public void execute() {
    int[] named = ids.read(rows);
    Tasks.each(PARTS, part -> sum(part, named));
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
