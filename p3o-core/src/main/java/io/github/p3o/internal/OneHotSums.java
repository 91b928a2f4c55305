package io.github.p3o.internal;

import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Sums rows by their ids where the JVM does not reach the arrays: as products of one-hot rows and
 * updates, some ids at a time. On a device ND4J's own sums by ids take a thread for each id, beyond
 * 1,024 of which it computes nothing and says nothing, and add in whatever order threads come (ADR
 * 54).
 */
final class OneHotSums implements Step {

  /** One-hot rows are this many elements at most: 256 MiB of float32. */
  private static final long MAX_ELEMENTS = 1 << 26;

  private final INDArray[] inputs;
  private final INDArray output; // [rows, width]
  private final INDArray oneHot; // [ids at a time, rows]
  private final List<Step> steps = new ArrayList<>();

  /**
   * A step for arrays in row-major order.
   *
   * @param updates {@code [ids, …]}
   * @param ids whole numbers {@code [ids]}, each from 0 to the number of rows − 1
   * @param output of the updates' type, {@code [rows, …]}
   * @param oneHot of the updates' type, to be overwritten; as {@link #idsAtATime} says
   */
  OneHotSums(INDArray updates, INDArray ids, INDArray output, INDArray oneHot) {
    this.inputs = new INDArray[] {updates, ids};
    this.output = asRows(output);
    this.oneHot = oneHot;
    bind();
  }

  /** The first dimension of the one-hot rows; the second is the number of rows of the result. */
  static long idsAtATime(long ids, long rows) {
    return Math.max(1, Math.min(ids, MAX_ELEMENTS / rows));
  }

  private void bind() {
    close();
    long count = inputs[1].length();
    INDArray updates = asRows(inputs[0]);
    for (long begin = 0; begin < count; begin += oneHot.size(0)) {
      long end = Math.min(count, begin + oneHot.size(0));
      INDArray part = oneHot.get(NDArrayIndex.interval(0, end - begin), NDArrayIndex.all());
      DynamicCustomOp oneHotOp =
          DynamicCustomOp.builder("onehot")
              .addIntegerArguments(-1, Math.toIntExact(output.size(0)))
              .addFloatingPointArguments(1.0, 0.0)
              .build();
      steps.add(NativeStep.of(oneHotOp, part, inputs[1].get(NDArrayIndex.interval(begin, end))));
      INDArray rows = updates.get(NDArrayIndex.interval(begin, end), NDArrayIndex.all());
      steps.add(new Products.Product(output, part, true, rows, false, begin == 0 ? 0 : 1).step());
    }
  }

  private static INDArray asRows(INDArray array) {
    return array.reshape('c', new long[] {array.size(0), array.length() / array.size(0)});
  }

  @Override
  public void setInput(int slot, INDArray array) {
    inputs[slot] = array;
    bind();
  }

  @Override
  public void execute() {
    steps.forEach(Step::execute);
  }

  @Override
  public void close() {
    steps.forEach(Step::close);
    steps.clear();
  }
}
