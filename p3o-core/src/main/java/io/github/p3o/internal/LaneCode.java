package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The operations on one block of lanes, in order. Values lie in registers, which are used again
 * when their value is no longer needed; numbers for all lanes are operands of their own.
 *
 * @param instructions in the order of execution
 * @param registers how many registers they need
 * @param inputs names of the lanes that are read
 * @param numbers what has to be known before, in the order of their indices
 * @param reductions what is made one number of, in the order of their indices
 */
record LaneCode(
    ImmutableList<Instruction> instructions,
    int registers,
    ImmutableList<String> inputs,
    ImmutableList<Expression> numbers,
    ImmutableList<Expression> reductions) {

  /** What an instruction does. */
  enum Action {
    /** Reads input {@code a} into register {@code out}. */
    READ,
    /** Computes {@code expression} from {@code a} and {@code b} into register {@code out}. */
    COMPUTE,
    /** Takes register {@code a} into reduction {@code out}. */
    REDUCE,
    /** Writes register {@code a} to output {@code out}. */
    WRITE
  }

  /**
   * One operation on a block.
   *
   * @param a operand: a register, or {@code −1 − index} of a number
   * @param b operand likewise
   */
  record Instruction(Action action, Expression expression, int out, int a, int b) {}

  /** The code that computes these reductions and writes these outputs. */
  static LaneCode of(List<Expression> reductions, List<Expression> outputs) {
    return new Writer(reductions, outputs).write();
  }

  /** Every expression that others are made of, each after its operands. */
  static ImmutableList<Expression> order(Iterable<Expression> wanted) {
    ImmutableList.Builder<Expression> order = ImmutableList.builder();
    Map<Expression, Boolean> done = new HashMap<>();
    Deque<Expression> open = new ArrayDeque<>();
    wanted.forEach(open::addLast);
    while (!open.isEmpty()) {
      Expression next = open.element();
      int before = open.size();
      next.operands().stream().filter(o -> !done.containsKey(o)).forEach(open::push);
      if (open.size() == before) {
        open.pop();
        if (done.putIfAbsent(next, true) == null) {
          order.add(next);
        }
      }
    }
    return order.build();
  }

  /** Assigns registers. */
  private static final class Writer {
    private final List<Expression> reductions;
    private final List<Expression> outputs;
    private final Map<Expression, Integer> uses = new HashMap<>();
    private final Map<Expression, Integer> places = new HashMap<>();
    private final Deque<Integer> free = new ArrayDeque<>();
    private final List<Instruction> instructions = new ArrayList<>();
    private final ImmutableList.Builder<String> inputs = ImmutableList.builder();
    private final ImmutableList.Builder<Expression> numbers = ImmutableList.builder();
    private int registers;
    private int inputCount;
    private int numberCount;

    Writer(List<Expression> reductions, List<Expression> outputs) {
      this.reductions = reductions;
      this.outputs = outputs;
    }

    LaneCode write() {
      List<Expression> wanted = new ArrayList<>(outputs);
      reductions.forEach(reduction -> wanted.add(reduction.a()));
      ImmutableList<Expression> order = order(wanted);
      order.forEach(e -> e.operands().forEach(o -> uses.merge(o, 1, Integer::sum)));
      wanted.forEach(e -> uses.merge(e, 1, Integer::sum));
      for (Expression e : order) {
        if (e.lanes()) {
          compute(e);
          use(e);
        } else {
          places.put(e, -1 - numberCount++);
          numbers.add(e);
        }
      }
      outputs.stream().filter(e -> !e.lanes()).forEach(this::use);
      return new LaneCode(
          ImmutableList.copyOf(instructions),
          registers,
          inputs.build(),
          numbers.build(),
          ImmutableList.copyOf(reductions));
    }

    private void compute(Expression e) {
      if (e.kind() == Expression.Kind.LANES) {
        inputs.add(e.name());
        instructions.add(new Instruction(Action.READ, e, take(e), inputCount++, 0));
        return;
      }
      int a = place(e.a());
      int b = e.hasB() ? place(e.b()) : 0;
      e.operands().forEach(this::release); // an operation may overwrite its operand
      instructions.add(new Instruction(Action.COMPUTE, e, take(e), a, b));
    }

    /** Reduces and writes it as soon as it is known. */
    private void use(Expression e) {
      for (int i = 0; i < reductions.size(); i++) {
        if (reductions.get(i).a() == e) {
          instructions.add(new Instruction(Action.REDUCE, reductions.get(i), i, place(e), 0));
          release(e);
        }
      }
      for (int i = 0; i < outputs.size(); i++) {
        if (outputs.get(i) == e) {
          instructions.add(new Instruction(Action.WRITE, e, i, place(e), 0));
          release(e);
        }
      }
    }

    private int place(Expression e) {
      Integer place = places.get(e);
      if (place == null) {
        throw new IllegalStateException("read before it was computed: " + e.kind());
      }
      return place;
    }

    private int take(Expression e) {
      int register = free.isEmpty() ? registers++ : free.pop();
      places.put(e, register);
      return register;
    }

    private void release(Expression e) {
      if (uses.merge(e, -1, Integer::sum) == 0 && e.lanes()) {
        free.push(place(e));
      }
    }
  }
}
