package io.github.p3o.internal;

import java.nio.FloatBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Copies rows of a table by their ids: row i of the result is the row that id i names. ND4J's own
 * takes five times as long.
 */
final class GatherStep implements Step {

  /** Elements of one task. */
  private static final int TASK = 1 << 16;

  private final INDArray[] arrays; // table and output: the views do not keep their memory alive
  private final FloatBuffer output;
  private final int rows;
  private final int width;
  private FloatBuffer table;
  private RowIds ids;

  /**
   * A step for arrays in row-major order.
   *
   * @param table float32 {@code [rows, …]}
   * @param ids int32 {@code [ids]}, each from 0 to the number of rows − 1
   * @param output float32 {@code [ids, …]}
   */
  GatherStep(INDArray table, INDArray ids, INDArray output) {
    this.arrays = new INDArray[] {table, output};
    this.table = RowStep.view(table);
    this.ids = new RowIds(ids);
    this.output = RowStep.view(output);
    this.rows = Math.toIntExact(table.size(0));
    this.width = Math.toIntExact(table.length() / rows);
  }

  /** Adds it for a node of "gather" to a program; false if it is for other arrays. */
  static boolean emit(Planner planner, Node node) {
    if (!Fusion.isOnCpu() || node.inputs().size() != 2 || !planner.isDenseFloat(node.input(0))) {
      return false;
    }
    INDArray table = planner.array(node.input(0));
    INDArray ids = planner.array(node.input(1));
    if (table.rank() < 2
        || ids.rank() != 1
        || ids.dataType() != DataType.INT32
        || !Heads.isDense(ids)
        || table.length() > Fusion.MAX_LENGTH
        || ids.length() > Fusion.MAX_LENGTH * table.size(0) / table.length()) {
      return false;
    }
    long[] shape = table.shape().clone();
    shape[0] = ids.length();
    planner.emit(
        new GatherStep(table, ids, planner.allocate(node.output(), DataType.FLOAT, shape)),
        node.inputs());
    return true;
  }

  @Override
  public void setInput(int slot, INDArray array) {
    if (slot == 0) {
      arrays[0] = array;
      table = RowStep.view(array);
    } else {
      ids = new RowIds(array);
    }
  }

  @Override
  public void execute() {
    int[] named = ids.read(rows);
    int ofTask = Math.max(1, TASK / width);
    Tasks.each(
        (named.length + ofTask - 1) / ofTask,
        task -> copy(named, task * ofTask, Math.min(named.length, (task + 1) * ofTask)));
  }

  private void copy(int[] named, int begin, int end) {
    for (int i = begin; i < end; i++) {
      output.put(i * width, table, named[i] * width, width);
    }
  }

  @Override
  public void close() {
    // the arrays belong to the program
  }
}
