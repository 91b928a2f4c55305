package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * A loss on plain numbers and its gradient, run on the JVM: SameDiff differentiates, and all ops of
 * the differentiated graph are executed together, some hundred lanes at a time that stay in the
 * processor's cache. A lane is what has the same index in every array. Executed one by one, each op
 * would read and write arrays of the whole length, and a call into ND4J costs more than the
 * arithmetic of a small batch. The results do not depend on the number of threads.
 */
final class PointwiseProgram {

  /** Registers of each thread; kept, since clearing new ones costs as much as a few ops. */
  private static final ThreadLocal<double[][]> REGISTERS =
      ThreadLocal.withInitial(() -> new double[0][]);

  /** Lanes of one task; the reductions of all tasks are reduced in order, whoever made them. */
  private static final int TASK = 2048;

  /** Numbers from outside, one for each lane. */
  @FunctionalInterface
  interface Lanes {

    /** Copies {@code count} numbers from {@code from} on to the begin of {@code into}. */
    void read(int from, double[] into, int count);
  }

  /**
   * What goes in.
   *
   * @param lanes by the names of their placeholders
   * @param numbers inputs that are the same for all lanes; asked for only if needed
   */
  record Inputs(Map<String, Lanes> lanes, Map<String, DoubleSupplier> numbers) {}

  /**
   * What came out.
   *
   * @param numbers by the names of their variables
   * @param lanes by the names of their variables
   */
  record Results(ImmutableMap<String, Double> numbers, ImmutableMap<String, double[]> lanes) {}

  private final ImmutableMap<String, Expression> wantedNumbers;
  private final ImmutableMap<String, Expression> wantedLanes;
  private final ImmutableList<Expression> totals;
  private final LaneCode code;

  private PointwiseProgram(
      ImmutableMap<String, Expression> wantedNumbers,
      ImmutableMap<String, Expression> wantedLanes,
      ImmutableList<Expression> totals,
      LaneCode code) {
    this.wantedNumbers = wantedNumbers;
    this.wantedLanes = wantedLanes;
    this.totals = totals;
    this.code = code;
  }

  /**
   * A program that computes a loss, its gradient, and further variables.
   *
   * @param graph must not change any more
   * @param loss name of a scalar
   * @param inputs names of the placeholders to differentiate by, one number for each lane; {@link
   *     Program#gradientOf} names each gradient
   * @param constants names of further placeholders with one number for each lane; all other
   *     placeholders hold one number
   * @param outputs names of further wanted variables, one number each
   * @param further what else is wanted, one number each, by name
   * @return none if the graph has an op that does not work lane by lane
   */
  static Optional<PointwiseProgram> withGradient(
      SameDiff graph,
      String loss,
      Collection<String> inputs,
      Collection<String> constants,
      Collection<String> outputs,
      Function<Expression.Factory, Map<String, Expression>> further) {
    Map<String, String> wanted = Program.differentiate(graph, loss, inputs, outputs);
    ImmutableSet<String> lanes =
        ImmutableSet.<String>builder().addAll(inputs).addAll(constants).build();
    Expression.Factory make = new Expression.Factory();
    return PointwiseReader.read(
            graph, Program.orderFor(graph, wanted.keySet()), wanted.keySet(), lanes, make)
        .filter(values -> canRun(values.values()))
        .map(
            values -> {
              Map<String, Expression> named = new LinkedHashMap<>(further.apply(make));
              wanted.forEach((name, result) -> named.put(result, values.get(name)));
              return of(
                  named,
                  inputs.stream().map(Program::gradientOf).collect(ImmutableSet.toImmutableSet()));
            });
  }

  /** A program that computes these numbers. */
  static PointwiseProgram of(Map<String, Expression> numbers) {
    return of(numbers, ImmutableSet.of());
  }

  /** Whether no lane waits for a reduction of all lanes. */
  private static boolean canRun(Iterable<Expression> wanted) {
    return LaneCode.order(wanted).stream().noneMatch(e -> e.lanes() && e.afterReduction());
  }

  private static PointwiseProgram of(Map<String, Expression> wanted, ImmutableSet<String> lanes) {
    ImmutableMap.Builder<String, Expression> ofLanes = ImmutableMap.builder();
    ImmutableMap.Builder<String, Expression> numbers = ImmutableMap.builder();
    wanted.forEach((name, e) -> (lanes.contains(name) ? ofLanes : numbers).put(name, e));
    ImmutableMap<String, Expression> wantedLanes = ofLanes.buildOrThrow();
    ImmutableMap<String, Expression> wantedNumbers = numbers.buildOrThrow();
    ImmutableList<Expression> all = LaneCode.order(wanted.values());
    ImmutableList<Expression> reductions =
        all.stream().filter(e -> e.kind().reduces()).collect(ImmutableList.toImmutableList());
    ImmutableList<Expression> totals =
        LaneCode.order(wantedNumbers.values()).stream()
            .filter(e -> !e.lanes())
            .collect(ImmutableList.toImmutableList());
    return new PointwiseProgram(
        wantedNumbers, wantedLanes, totals, LaneCode.of(reductions, wantedLanes.values().asList()));
  }

  /**
   * Runs the program.
   *
   * @param length number of lanes
   */
  Results run(int length, Inputs given) {
    Map<String, DoubleSupplier> numbers = given.numbers();
    Map<Expression, Double> known = new HashMap<>();
    double[] operands =
        code.numbers().stream().mapToDouble(e -> number(e, numbers, known)).toArray();
    Lanes[] inputs =
        code.inputs().stream()
            .map(
                name -> {
                  Lanes input = given.lanes().get(name);
                  checkArgument(input != null, "lanes: expected numbers for %s, got none", name);
                  return input;
                })
            .toArray(Lanes[]::new);
    int tasks = (length + TASK - 1) / TASK;
    double[][] outputs = new double[wantedLanes.size()][];
    if (tasks > 1) { // clearing that much memory is work for all threads, too
      Tasks.each(outputs.length, i -> outputs[i] = new double[length]);
    } else {
      Arrays.setAll(outputs, i -> new double[length]);
    }
    double[][] reduced = new double[tasks][];
    Tasks.each(
        tasks,
        task ->
            reduced[task] =
                new Block(operands, inputs, outputs)
                    .run(task * TASK, Math.min(length, (task + 1) * TASK)));
    for (int i = 0; i < code.reductions().size(); i++) {
      Expression reduction = code.reductions().get(i);
      double total = LaneKernels.none(reduction.kind());
      for (double[] ofTask : reduced) {
        total = LaneKernels.reduce(reduction.kind(), total, ofTask[i]);
      }
      known.put(reduction, total);
    }
    totals.forEach(e -> number(e, numbers, known));
    return results(known, outputs);
  }

  private Results results(Map<Expression, Double> known, double[][] outputs) {
    ImmutableMap.Builder<String, Double> numbers = ImmutableMap.builder();
    wantedNumbers.forEach((name, e) -> numbers.put(name, known.getOrDefault(e, Double.NaN)));
    Map<String, double[]> lanes = new LinkedHashMap<>();
    wantedLanes.forEach((name, e) -> lanes.put(name, outputs[lanes.size()]));
    return new Results(numbers.buildOrThrow(), ImmutableMap.copyOf(lanes));
  }

  /** A value that is the same for all lanes; its operands are known. */
  private static double number(
      Expression e, Map<String, DoubleSupplier> inputs, Map<Expression, Double> known) {
    Double before = known.get(e);
    if (before != null) {
      return before;
    }
    double value =
        switch (e.kind()) {
          case CONSTANT -> e.low();
          case NUMBER -> {
            DoubleSupplier input = inputs.get(e.name());
            checkArgument(input != null, "numbers: expected a number for %s, got none", e.name());
            yield input.getAsDouble();
          }
          default -> compute(e, inputs, known);
        };
    known.put(e, value);
    return value;
  }

  private static double compute(
      Expression e, Map<String, DoubleSupplier> inputs, Map<Expression, Double> known) {
    double a = number(e.a(), inputs, known);
    double b = e.hasB() ? number(e.b(), inputs, known) : 0;
    return switch (e.kind()) {
      case ADD -> a + b;
      case SUBTRACT -> a - b;
      case MULTIPLY -> a * b;
      case DIVIDE -> a / b;
      case EXP -> Math.exp(a);
      case LOG -> Math.log(a);
      case POWER -> Math.pow(a, e.low());
      case GREATER -> a > b ? 1 : 0;
      case NONZERO -> a == 0 ? 0 : 1;
      case CLIP -> Math.min(Math.max(a, e.low()), e.high());
      default -> throw new IllegalStateException("not known: " + e.kind());
    };
  }

  /** The registers of one task. */
  private final class Block {
    private final double[] operands;
    private final Lanes[] inputs;
    private final double[][] outputs;
    private final double[][] registers;
    private final DoubleExp exp = DoubleExp.ofThread();

    Block(double[] operands, Lanes[] inputs, double[][] outputs) {
      this.operands = operands;
      this.inputs = inputs;
      this.outputs = outputs;
      this.registers = registers(code.registers() + code.reductions().size());
    }

    private static double[][] registers(int count) {
      double[][] kept = REGISTERS.get();
      int before = kept.length;
      if (before < count) {
        kept = Arrays.copyOf(kept, count);
        for (int i = before; i < count; i++) {
          kept[i] = new double[LaneKernels.BLOCK];
        }
        REGISTERS.set(kept);
      }
      return kept;
    }

    /** The reductions of these lanes. */
    double[] run(int from, int to) {
      ImmutableList<Expression> reductions = code.reductions();
      for (int i = 0; i < reductions.size(); i++) {
        double none = LaneKernels.none(reductions.get(i).kind());
        Arrays.fill(parts(i), 0, LaneKernels.PARTS, none);
      }
      for (int begin = from; begin < to; begin += LaneKernels.BLOCK) {
        int count = Math.min(LaneKernels.BLOCK, to - begin);
        for (LaneCode.Instruction instruction : code.instructions()) {
          execute(instruction, begin, count);
        }
      }
      return IntStream.range(0, reductions.size())
          .mapToDouble(i -> LaneKernels.reduce(reductions.get(i).kind(), parts(i)))
          .toArray();
    }

    /** Of a reduction: they lie behind the registers. */
    private double[] parts(int reduction) {
      return registers[code.registers() + reduction];
    }

    private void execute(LaneCode.Instruction instruction, int begin, int count) {
      int out = instruction.out();
      int a = instruction.a();
      switch (instruction.action()) {
        case READ -> inputs[a].read(begin, registers[out], count);
        case REDUCE -> {
          Expression.Kind kind = instruction.expression().kind();
          Arrays.fill(registers[a], count, LaneKernels.BLOCK, LaneKernels.none(kind));
          LaneKernels.reduce(kind, parts(out), registers[a]);
        }
        case WRITE -> {
          if (a >= 0) {
            System.arraycopy(registers[a], 0, outputs[out], begin, count);
          } else {
            Arrays.fill(outputs[out], begin, begin + count, operands[-1 - a]);
          }
        }
        case COMPUTE -> LaneKernels.compute(instruction, registers, operands, count, exp);
      }
    }
  }
}
