package io.github.p3o.internal;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Ops of a float32 graph that all work element by element or row by row, run together on one block
 * of rows after the other, which stays in the processor's cache. One by one each op would read and
 * write arrays as large as all attention scores. The result does not depend on the number of
 * threads: a block's arithmetic is one thread's, and what is summed over blocks is summed over
 * tasks of a fixed size, in order.
 */
final class RowStep implements Step {

  /** Elements of a block: some registers of this size fit into the first-level cache. */
  private static final int BLOCK = 2048;

  /** Elements of one task: enough that handing it to another thread costs little beside it. */
  private static final int TASK = 16 * BLOCK;

  /** Arrays that threads compute in; kept, since clearing new ones costs as much as a few ops. */
  private static final ThreadLocal<Registers> REGISTERS = ThreadLocal.withInitial(Registers::new);

  private final RowCode code;
  private final int columns;
  private final int rows;
  private final int rowsOfBlock;
  private final int tasks;
  private final INDArray[] arrays; // the views below do not keep their memory alive
  private final FloatBuffer[] inputs;
  private final FloatBuffer[] outputs;
  private final float[][][] sums; // [task, output, column]

  /**
   * A step for arrays in row-major order.
   *
   * @param rows of the matrix that every value is seen as
   * @param columns likewise
   * @param inputs in the order of the code's inputs
   * @param outputs in the order of the code's outputs
   */
  RowStep(RowCode code, int rows, int columns, INDArray[] inputs, INDArray[] outputs) {
    this.code = code;
    this.rows = rows;
    this.columns = columns;
    this.rowsOfBlock = Math.max(1, BLOCK / columns);
    int blocks = (rows + rowsOfBlock - 1) / rowsOfBlock;
    int blocksOfTask = Math.max(1, TASK / (rowsOfBlock * columns));
    this.tasks = (blocks + blocksOfTask - 1) / blocksOfTask;
    this.arrays = Arrays.copyOf(inputs, inputs.length + outputs.length);
    System.arraycopy(outputs, 0, arrays, inputs.length, outputs.length);
    this.inputs = Arrays.stream(inputs).map(RowStep::view).toArray(FloatBuffer[]::new);
    this.outputs = Arrays.stream(outputs).map(RowStep::view).toArray(FloatBuffer[]::new);
    this.sums = new float[tasks][outputs.length][];
    code.instructions().stream()
        .filter(RowStep::isSum)
        .forEach(i -> Arrays.stream(sums).forEach(ofTask -> ofTask[i.out()] = new float[columns]));
  }

  /** The elements where they lie. */
  static FloatBuffer view(INDArray array) {
    FloatPointer pointer = new FloatPointer(array.data().addressPointer());
    return pointer.capacity(array.length()).asBuffer();
  }

  private static boolean isSum(RowCode.Instruction instruction) {
    return instruction.action() == RowCode.Action.WRITE
        && instruction.value().kind() == RowValue.Kind.COLUMN_SUM;
  }

  @Override
  public void setInput(int slot, INDArray array) {
    arrays[slot] = array;
    inputs[slot] = view(array);
  }

  @Override
  public void execute() {
    Tasks.each(tasks, this::run);
    code.instructions().stream().filter(RowStep::isSum).forEach(this::writeSum);
  }

  private void writeSum(RowCode.Instruction instruction) {
    double[] total = new double[columns];
    for (float[][] ofTask : sums) {
      float[] part = ofTask[instruction.out()];
      for (int column = 0; column < columns; column++) {
        total[column] += part[column];
      }
      Arrays.fill(part, 0);
    }
    float[] rounded = new float[columns];
    for (int column = 0; column < columns; column++) {
      rounded[column] = (float) total[column];
    }
    outputs[instruction.out()].put(0, rounded);
  }

  /** Runs the blocks of one task. */
  private void run(int task) {
    Registers registers = REGISTERS.get();
    registers.reserve(code, rowsOfBlock, columns);
    int rowsOfTask = Math.max(1, TASK / (rowsOfBlock * columns)) * rowsOfBlock;
    int end = Math.min(rows, (task + 1) * rowsOfTask);
    for (int row = task * rowsOfTask; row < end; row += rowsOfBlock) {
      int count = Math.min(rowsOfBlock, end - row);
      for (RowCode.Instruction instruction : code.instructions()) {
        execute(instruction, registers, task, row, count);
      }
    }
  }

  private void execute(
      RowCode.Instruction instruction, Registers registers, int task, int row, int count) {
    RowValue value = instruction.value();
    int out = instruction.out();
    int a = instruction.a();
    switch (instruction.action()) {
      case READ -> {
        boolean column = value.isColumn();
        int size = column ? 1 : columns;
        read(inputs[a], registers.of(value)[out], row * size, count * size);
      }
      case COMPUTE -> {
        boolean pair = value.operands().size() > 1;
        float[] first = registers.of(value.a())[a];
        float[] second = pair ? registers.of(value.b())[instruction.b()] : first;
        RowKernels.compute(
            value, registers.of(value)[out], first, second, count, columns, registers.tools);
      }
      case WRITE -> {
        if (isSum(instruction)) {
          RowKernels.addRows(sums[task][out], registers.of(value.a())[a], count, columns);
        } else {
          int size = value.isColumn() ? 1 : columns;
          outputs[out].put(row * size, registers.of(value)[a], 0, count * size);
        }
      }
    }
  }

  /** Copies elements; where the input ends, it begins anew. */
  private static void read(FloatBuffer input, float[] into, int from, int count) {
    int length = input.capacity();
    if (length == 1) {
      Arrays.fill(into, 0, count, input.get(0));
      return;
    }
    int position = from % length;
    for (int done = 0; done < count; ) {
      int part = Math.min(count - done, length - position);
      input.get(position, into, done, part);
      done += part;
      position = 0;
    }
  }

  @Override
  public void close() {
    // the arrays belong to the program
  }

  /** What one thread computes in. */
  private static final class Registers {
    private final RowKernels.Tools tools = new RowKernels.Tools();
    private float[][] full = {};
    private float[][] column = {};

    float[][] of(RowValue value) {
      return value.isColumn() ? column : full;
    }

    void reserve(RowCode code, int rows, int columns) {
      full = grown(full, code.registers(), rows * columns);
      column = grown(column, code.columnRegisters(), rows);
    }

    private static float[][] grown(float[][] arrays, int count, int length) {
      float[][] grown = arrays.length < count ? Arrays.copyOf(arrays, count) : arrays;
      for (int i = 0; i < count; i++) {
        if (grown[i] == null || grown[i].length < length) {
          grown[i] = new float[length];
        }
      }
      return grown;
    }
  }
}
