package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.Shape;

/**
 * Ops that will be one {@link RowStep}: they work on arrays of one length, seen as a matrix whose
 * row length is fixed by the first op to which rows matter. All that they read is known already.
 */
final class RowGroup {

  /** What an op reads, and the shape in which it is broadcast. */
  record Operand(String name, ImmutableLongArray sizes) {
    Operand(String name, long[] shape) {
      this(name, ImmutableLongArray.copyOf(shape));
    }

    long[] shape() {
      return sizes.toArray();
    }
  }

  /** What an op gives. */
  record Result(String name, ImmutableLongArray sizes, Maker maker) {
    Result(String name, long[] shape, Maker maker) {
      this(name, ImmutableLongArray.copyOf(shape), maker);
    }
  }

  /** Makes the value of a result. */
  @FunctionalInterface
  interface Maker {
    RowValue make(RowGroup group, List<RowValue> operands);
  }

  /**
   * An op in a form that can be fused.
   *
   * @param sizes the shape in which it computes
   * @param columns the row length that it needs, 0 for any
   */
  record Form(
      ImmutableLongArray sizes,
      long columns,
      ImmutableList<Operand> operands,
      ImmutableList<Result> results) {
    Form(
        long[] shape,
        long columns,
        ImmutableList<Operand> operands,
        ImmutableList<Result> results) {
      this(ImmutableLongArray.copyOf(shape), columns, operands, results);
    }

    long[] shape() {
      return sizes.toArray();
    }
  }

  private record Entry(RowValue value, ImmutableLongArray sizes) {
    long[] shape() {
      return sizes.toArray();
    }
  }

  private final Planner planner;
  private final long length;
  private long columns; // 0 while rows do not matter
  private final RowValue.Factory make = new RowValue.Factory();
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final List<String> reads = new ArrayList<>();

  RowGroup(Planner planner, long length) {
    this.planner = planner;
    this.length = length;
  }

  RowValue.Factory make() {
    return make;
  }

  long length() {
    return length;
  }

  /** The variables that it gives. */
  Iterable<String> names() {
    return entries.keySet();
  }

  long[] shape(String name) {
    return entry(name).shape();
  }

  private Entry entry(String name) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new IllegalStateException("not in this group: " + name);
    }
    return entry;
  }

  boolean fits(Form form) {
    return columnsFor(form) >= 0;
  }

  /** Takes an op that fits. */
  void take(Form form) {
    columns = Math.max(columns, columnsFor(form));
    List<RowValue> operands = form.operands().stream().map(o -> operand(o, form.shape())).toList();
    form.results()
        .forEach(r -> entries.put(r.name(), new Entry(r.maker().make(this, operands), r.sizes())));
  }

  /** Gives a value one more name, in another shape of the same length. */
  void alias(String name, String source, long[] shape) {
    entries.put(name, new Entry(entry(source).value(), ImmutableLongArray.copyOf(shape)));
  }

  /** Notes that an op of the group reads a variable from outside. */
  void addRead(String name) {
    reads.add(name);
  }

  /** The row length with which an op fits, 0 for any, −1 if it does not. */
  private long columnsFor(Form form) {
    long size = Shape.lengthOf(form.shape());
    boolean ofColumns = columns > 1 && size == length / columns && form.columns() == 0;
    if (size != length && !ofColumns) {
      return -1;
    }
    long needed = form.columns();
    for (Operand operand : form.operands()) {
      long own = ofColumns ? columnsAsColumn(operand) : columnsAsFull(operand, form.shape());
      boolean agrees = own == 0 || ((needed == 0 || needed == own) && own > 0);
      if (!agrees) {
        return -1;
      }
      needed = Math.max(needed, own);
    }
    return columns == 0 || needed == 0 || needed == columns ? needed : -1;
  }

  private long columnsAsColumn(Operand operand) {
    Entry entry = entries.get(operand.name());
    boolean fits = entry == null || entry.value().isColumn();
    return fits && Shape.lengthOf(operand.shape()) == length / columns ? columns : -1;
  }

  private long columnsAsFull(Operand operand, long[] shape) {
    Entry entry = entries.get(operand.name());
    if (entry != null && entry.value().kind() == RowValue.Kind.COLUMN_SUM) {
      return -1;
    }
    boolean repeated = entry == null && isRepeated(operand.shape(), shape);
    return repeated || Shape.lengthOf(operand.shape()) == length
        ? 0
        : rowLength(operand.shape(), shape);
  }

  private RowValue operand(Operand operand, long[] shape) {
    Entry entry = entries.get(operand.name());
    if (entry != null) {
      return entry.value();
    }
    boolean column =
        Shape.lengthOf(shape) != length
            || (!isRepeated(operand.shape(), shape) && Shape.lengthOf(operand.shape()) != length);
    return make.read(operand.name(), column);
  }

  /** A value in the shape of what was broadcast to {@code shape}: summed over what was repeated. */
  RowValue reduced(RowValue value, long[] target, long[] shape) {
    if (Shape.lengthOf(target) == Shape.lengthOf(shape)) {
      return value;
    }
    RowValue full = make.full(value);
    return make.of(
        rowLength(target, shape) > 0 ? RowValue.Kind.ROW_SUM : RowValue.Kind.COLUMN_SUM, full);
  }

  /** Makes it a step, and gives what is still to be read its own memory. */
  void finish() {
    Map<RowValue, String> written = new LinkedHashMap<>();
    List<INDArray> outputs = new ArrayList<>();
    entries.forEach(
        (name, entry) -> {
          if (!planner.isStillRead(name)) {
            planner.forget(name, entry.shape());
          } else {
            RowValue value = entry.value();
            RowValue whole =
                Shape.lengthOf(entry.shape()) == length && value.isColumn()
                    ? make.full(value)
                    : value;
            if (!sharesInput(name, entry.shape(), whole)) {
              String first = written.get(whole);
              if (first == null) {
                written.put(whole, name);
                outputs.add(planner.allocate(name, DataType.FLOAT, entry.shape()));
              } else {
                planner.share(name, first, entry.shape());
              }
            }
          }
        });
    if (!written.isEmpty()) {
      RowCode code = RowCode.of(List.copyOf(written.keySet()));
      INDArray[] inputs = code.inputs().stream().map(planner::array).toArray(INDArray[]::new);
      int rowLength = Math.toIntExact(Math.max(1, columns));
      int rows = Math.toIntExact(length / rowLength);
      planner.emit(
          new RowStep(code, rows, rowLength, inputs, outputs.toArray(INDArray[]::new)),
          code.inputs());
    }
    reads.forEach(planner::release);
  }

  /** Whether the value is an input as it is, and may lie in its memory. */
  private boolean sharesInput(String name, long[] shape, RowValue value) {
    return value.operands().isEmpty()
        && planner.array(value.name()).length() == Shape.lengthOf(shape)
        && planner.share(name, value.name(), shape);
  }

  /** Whether {@code target} is repeated as a whole to fill {@code shape}. */
  static boolean isRepeated(long[] target, long[] shape) {
    if (target.length > shape.length) {
      return false;
    }
    int missing = shape.length - target.length;
    int axis = shape.length - 1;
    while (axis >= missing && target[axis - missing] == shape[axis]) {
      axis--;
    }
    while (axis >= missing && target[axis - missing] == 1) {
      axis--;
    }
    return axis < missing;
  }

  /** How many elements of {@code shape} each of {@code target} stands for, −1 if not for a row. */
  static long rowLength(long[] target, long[] shape) {
    if (target.length > shape.length) {
      return -1;
    }
    int missing = shape.length - target.length;
    int axis = shape.length - 1;
    long own = 1;
    while (axis >= 0 && (axis < missing || target[axis - missing] == 1)) {
      own *= shape[axis--];
    }
    for (; axis >= 0; axis--) {
      if (axis < missing ? shape[axis] != 1 : target[axis - missing] != shape[axis]) {
        return -1;
      }
    }
    return own;
  }
}
