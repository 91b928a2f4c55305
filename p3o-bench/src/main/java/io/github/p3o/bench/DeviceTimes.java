package io.github.p3o.bench;

import com.google.common.base.Splitter;
import io.github.p3o.Backend;
import io.github.p3o.BackendException;
import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.loss.P3OLoss;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleSupplier;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Prints what the backend takes, one line a work as it is done, without PyTorch, so that it runs
 * where that cannot be brought: {@code DeviceTimes CALLS WHAT...}, where WHAT is one of
 *
 * <ul>
 *   <li>{@code pairs:V2:4096}: value and gradient from numbers of the JVM to numbers of the JVM
 *   <li>{@code graph:V2:4096}: the same by a graph, from the backend's memory to the backend's
 *   <li>{@code scores:M10}, {@code step:M10}: log-probabilities, a training step
 *   <li>{@code sampling:M10:64}: so many sequences with a cache
 *   <li>{@code product:4096}: a product of float32 matrices, the machine's limit
 * </ul>
 *
 * <p>{@code DeviceTimes start} only says which backend it is. {@code p3o-bench/gpu/peer.py} prints
 * the same lines for PyTorch; {@code check} is a value that both compute from the same numbers.
 */
public final class DeviceTimes {

  private static final int WARMUP_CALLS = 2;
  private static final double WARMUP_MILLIS = 1000;

  /** No more calls after so long, but three at least. */
  private static final double MOST_MILLIS = 4000;

  private static final int LEAST_CALLS = 3;

  private DeviceTimes() {}

  /** Measures each, or only starts the backend. */
  public static void main(String[] args) {
    List<String> arguments = List.of(args);
    boolean start = arguments.equals(List.of("start"));
    if (!start && args.length < 2) {
      throw new IllegalArgumentException("expected start, or CALLS WHAT..., got " + arguments);
    }
    try {
      System.out.println(Backend.start());
    } catch (BackendException e) {
      System.err.println("p3o: " + e.getMessage());
      System.exit(1);
    }
    if (!start) {
      int calls = Integer.parseInt(args[0]);
      arguments.subList(1, args.length).forEach(what -> tryToMeasure(what, calls));
    }
    System.exit(0); // ends threads of native libraries
  }

  /** What fails does not keep the next from being measured. */
  private static void tryToMeasure(String what, int calls) {
    try {
      measure(what, Splitter.on(':').splitToList(what), calls);
    } catch (RuntimeException | LinkageError | OutOfMemoryError e) {
      System.out.println("failed work=" + what + " " + String.valueOf(e).replace('\n', ' '));
    }
  }

  private static void measure(String what, List<String> parts, int calls) {
    switch (parts.get(0)) {
      case "pairs" -> {
        PairNumbers numbers = new PairNumbers(Integer.parseInt(parts.get(2)));
        PairwiseBatch batch = numbers.batch();
        LogProbs now = numbers.logProbs();
        try (LossEvaluator evaluator = new LossEvaluator(loss(parts.get(1)))) {
          time(what, calls, () -> evaluator.evaluate(batch, now).loss());
        }
      }
      case "graph" -> {
        PairNumbers numbers = new PairNumbers(Integer.parseInt(parts.get(2)));
        try (GraphPairs graph = new GraphPairs(loss(parts.get(1)), numbers)) {
          time(what, calls, graph::step);
        }
      }
      case "scores" -> {
        try (ModelWork work = new ModelWork(ModelSize.valueOf(parts.get(1)), DataType.FLOAT)) {
          time(what, calls, () -> Arrays.stream(work.scores()).sum());
        }
      }
      case "step" -> {
        try (ModelWork work = new ModelWork(ModelSize.valueOf(parts.get(1)), DataType.FLOAT)) {
          time(what, calls, work::step);
        }
      }
      case "sampling" -> {
        int sequences = Integer.parseInt(parts.get(2));
        try (SamplingWork work = new SamplingWork(ModelSize.valueOf(parts.get(1)), sequences)) {
          double check = (double) work.greedy();
          time(
              what,
              calls,
              () -> {
                work.sample();
                return check;
              });
        }
      }
      case "product" -> product(what, Integer.parseInt(parts.get(1)), calls);
      default -> throw new IllegalArgumentException("expected pairs, graph, ..., got " + what);
    }
  }

  private static P3OLoss loss(String form) {
    return P3OLoss.Form.valueOf(form) == P3OLoss.Form.V1 ? P3OLoss.v1() : P3OLoss.v2();
  }

  private static void product(String what, int size, int calls) {
    try (INDArray a = Nd4j.rand(DataType.FLOAT, size, size);
        INDArray b = Nd4j.rand(DataType.FLOAT, size, size);
        INDArray c = Nd4j.create(DataType.FLOAT, new long[] {size, size}, 'f')) {
      time(
          what,
          calls,
          () -> {
            Nd4j.gemm(a, b, c, false, false, 1, 0);
            return c.getFloat(0) * 0.0; // waits for the device
          });
    }
  }

  /** How long a call took, and what it gave. */
  private record Call(double millis, double value) {

    static Call of(DoubleSupplier work) {
      long start = System.nanoTime();
      double value = work.getAsDouble();
      return new Call((System.nanoTime() - start) / 1e6, value);
    }
  }

  /** The check is what the third call gives: of steps, the loss after two updates. */
  private static void time(String what, int calls, DoubleSupplier work) {
    double check = Double.NaN;
    double spent = 0;
    for (int done = 0; done <= WARMUP_CALLS || spent < WARMUP_MILLIS; done++) {
      Call call = Call.of(work);
      spent += call.millis();
      check = done == WARMUP_CALLS ? call.value() : check;
    }
    double[] times = new double[calls];
    double timed = 0;
    int count = 0;
    for (; count < calls && (count < LEAST_CALLS || timed < MOST_MILLIS); count++) {
      times[count] = Call.of(work).millis();
      timed += times[count];
    }
    times = Arrays.copyOf(times, count);
    Arrays.sort(times);
    System.out.printf(
        Locale.ROOT,
        "result work=%s ms=%.4f least=%.4f greatest=%.4f calls=%d check=%.15g%n",
        what,
        times[count / 2],
        times[0],
        times[count - 1],
        count,
        check);
  }
}
