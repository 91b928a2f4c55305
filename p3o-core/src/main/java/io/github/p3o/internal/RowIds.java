package io.github.p3o.internal;

import java.nio.IntBuffer;
import org.bytedeco.javacpp.IntPointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Ids of rows of a table, int32 {@code [ids]}, where they lie. */
final class RowIds {

  @SuppressWarnings("UnusedVariable") // keeps alive the memory that the view shows
  private final INDArray array;

  private final IntBuffer view;

  RowIds(INDArray array) {
    this.array = array;
    this.view = new IntPointer(array.data().addressPointer()).capacity(array.length()).asBuffer();
  }

  /**
   * The ids as they are now.
   *
   * @param rows of the table
   * @throws IllegalArgumentException for an id that names none of them
   */
  int[] read(int rows) {
    int[] ids = new int[view.capacity()];
    view.get(0, ids);
    for (int id : ids) {
      if (id < 0 || id >= rows) {
        throw new IllegalArgumentException("ids: expected 0 to " + (rows - 1) + ", got " + id);
      }
    }
    return ids;
  }
}
