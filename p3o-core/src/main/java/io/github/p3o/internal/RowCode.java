package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The operations on one block of rows, in order. Values lie in registers, which are used again when
 * their value is no longer needed; those with one number a row have registers of their own.
 *
 * @param instructions in the order of execution
 * @param registers how many registers of a number for each element
 * @param columnRegisters how many registers of a number for each row
 * @param inputs names of the variables that are read, in the order of their indices
 */
record RowCode(
    ImmutableList<Instruction> instructions,
    int registers,
    int columnRegisters,
    ImmutableList<String> inputs) {

  /** What an instruction does. */
  enum Action {
    /** Reads input {@code a} into register {@code out}. */
    READ,
    /** Computes the value from registers {@code a} and {@code b} into register {@code out}. */
    COMPUTE,
    /** Writes register {@code a} to output {@code out}, or adds it up there. */
    WRITE
  }

  /** One operation on a block. */
  record Instruction(Action action, RowValue value, int out, int a, int b) {}

  /** The code that writes these values, in the order of their indices. */
  static RowCode of(List<RowValue> outputs) {
    return new Writer(outputs).write();
  }

  /** Assigns registers. */
  private static final class Writer {
    private final List<RowValue> outputs;
    private final List<RowValue> order = new ArrayList<>();
    private final Map<RowValue, Integer> uses = new HashMap<>();
    private final Map<RowValue, Integer> places = new HashMap<>();
    private final Deque<Integer> free = new ArrayDeque<>();
    private final Deque<Integer> freeColumns = new ArrayDeque<>();
    private final List<Instruction> instructions = new ArrayList<>();
    private final List<String> inputs = new ArrayList<>();
    private int registers;
    private int columnRegisters;

    Writer(List<RowValue> outputs) {
      this.outputs = outputs;
    }

    RowCode write() {
      outputs.forEach(this::visit);
      for (RowValue value : order) {
        if (value.kind() != RowValue.Kind.COLUMN_SUM) {
          compute(value);
        }
        for (int i = 0; i < outputs.size(); i++) {
          if (outputs.get(i) == value) {
            RowValue source = value.kind() == RowValue.Kind.COLUMN_SUM ? value.a() : value;
            instructions.add(new Instruction(Action.WRITE, value, i, place(source), 0));
            release(source);
          }
        }
      }
      return new RowCode(
          ImmutableList.copyOf(instructions),
          registers,
          columnRegisters,
          ImmutableList.copyOf(inputs));
    }

    /** Orders values, each after its operands, and counts their uses. */
    private void visit(RowValue output) {
      Deque<RowValue> open = new ArrayDeque<>(List.of(output));
      while (!open.isEmpty()) {
        RowValue next = open.element();
        int before = open.size();
        next.operands().stream().filter(o -> !places.containsKey(o)).forEach(open::push);
        if (open.size() == before) {
          open.pop();
          if (places.putIfAbsent(next, -1) == null) {
            order.add(next);
            if (next.kind() != RowValue.Kind.COLUMN_SUM) {
              next.operands().forEach(o -> uses.merge(o, 1, Integer::sum));
            }
          }
        }
      }
      RowValue written = output.kind() == RowValue.Kind.COLUMN_SUM ? output.a() : output;
      uses.merge(written, 1, Integer::sum);
    }

    private void compute(RowValue value) {
      if (value.operands().isEmpty()) {
        inputs.add(value.name());
        instructions.add(new Instruction(Action.READ, value, take(value), inputs.size() - 1, 0));
        return;
      }
      int a = place(value.a());
      int b = value.operands().size() > 1 ? place(value.b()) : 0;
      value.operands().forEach(this::release); // an operation may overwrite its operand
      instructions.add(new Instruction(Action.COMPUTE, value, take(value), a, b));
    }

    private int place(RowValue value) {
      return places.getOrDefault(value, -1);
    }

    private int take(RowValue value) {
      Deque<Integer> from = value.isColumn() ? freeColumns : free;
      int register;
      if (!from.isEmpty()) {
        register = from.pop();
      } else {
        register = value.isColumn() ? columnRegisters++ : registers++;
      }
      places.put(value, register);
      return register;
    }

    private void release(RowValue value) {
      if (uses.merge(value, -1, Integer::sum) == 0) {
        (value.isColumn() ? freeColumns : free).push(place(value));
      }
    }
  }
}
