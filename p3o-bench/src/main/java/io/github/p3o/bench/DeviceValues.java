package io.github.p3o.bench;

import io.github.p3o.Backend;
import io.github.p3o.BackendException;
import io.github.p3o.Evaluation;
import io.github.p3o.LossEvaluator;
import io.github.p3o.loss.P3OLoss;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Compares what the backend computes with known values, one line each: {@code DeviceValues}. Graphs
 * of losses with the JVM's own arithmetic; a decoder in float32 with what the CPU gave in float64,
 * which {@code DeviceValues double} prints and {@code peer.py --float64} gives too. Exit code 1 if
 * any is too far away.
 */
public final class DeviceValues {

  private static final int PAIRS = 4096;
  private static final double EXACT = 1e-12;
  private static final double FLOAT32 = 2e-5;

  /** Log-probabilities of all texts, summed; the losses of three steps; the former after them. */
  private static final double[] OF_M1 = {
    -29390.38957149902,
    0.40233229809618876,
    0.3642736294114157,
    0.38058148699710004,
    -29390.030722960477
  };

  private static final double[] OF_M10 = {
    -32213.338927583507,
    0.28025072066961687,
    0.5672959793270809,
    1.099798660128706,
    -32209.603739257374
  };

  /** {@link SamplingWork#greedy} with 4 prompts. */
  private static final long GREEDY_OF_M1 = 50_151;

  private static boolean failed;

  private DeviceValues() {}

  /** Compares all. */
  public static void main(String[] args) {
    try {
      System.out.println(Backend.start());
    } catch (BackendException e) {
      System.err.println("p3o: " + e.getMessage());
      System.exit(1);
    }
    if (Arrays.asList(args).contains("double")) {
      for (ModelSize size : List.of(ModelSize.M1, ModelSize.M10)) {
        System.out.println(size + " " + Arrays.toString(values(size, DataType.DOUBLE)));
      }
      System.exit(0);
    }
    attempt(() -> pairs("V1", P3OLoss.v1()));
    attempt(() -> pairs("V2", P3OLoss.v2()));
    attempt(() -> model(ModelSize.M1, OF_M1));
    attempt(DeviceValues::greedy);
    attempt(() -> model(ModelSize.M10, OF_M10));
    System.exit(failed ? 1 : 0);
  }

  /** What fails does not keep the next from being compared. */
  private static void attempt(Runnable work) {
    try {
      work.run();
    } catch (RuntimeException | LinkageError | OutOfMemoryError e) {
      failed = true;
      e.printStackTrace(System.out);
      System.out.println("value FAILED " + e);
    }
  }

  private static void greedy() {
    try (SamplingWork work = new SamplingWork(ModelSize.M1, SamplingWork.GREEDY_SEQUENCES)) {
      compare("greedy M1", (double) work.greedy(), (double) GREEDY_OF_M1, 0);
    }
  }

  private static void pairs(String form, P3OLoss loss) {
    PairNumbers numbers = new PairNumbers(PAIRS);
    try (LossEvaluator evaluator = new LossEvaluator(loss);
        GraphPairs graph = new GraphPairs(loss, numbers)) {
      Evaluation expected = evaluator.evaluate(numbers.batch(), numbers.logProbs());
      compare("loss " + form, graph.step(), expected.loss(), EXACT);
      double[][] gradient = graph.gradient();
      for (int i = 0; i < 2; i++) {
        double[] ours = gradient[i];
        double[] theirs = expected.gradient()[i];
        int worst = 0;
        for (int p = 1; p < PAIRS; p++) {
          boolean worse = Math.abs(ours[p] - theirs[p]) > Math.abs(ours[worst] - theirs[worst]);
          worst = worse ? p : worst;
        }
        String name =
            String.format(Locale.ROOT, "gradient %s by s%d, worst of %d", form, i + 1, PAIRS);
        compare(name, ours[worst], theirs[worst], EXACT);
      }
    }
  }

  private static void model(ModelSize size, double[] expected) {
    double[] values = values(size, DataType.FLOAT);
    compare("log-probabilities " + size, values[0], expected[0], FLOAT32);
    for (int i = 1; i <= 3; i++) {
      compare("loss " + size + ", step " + i, values[i], expected[i], 1e3 * FLOAT32);
    }
    compare("log-probabilities " + size + ", then", values[4], expected[4], FLOAT32);
  }

  private static double[] values(ModelSize size, DataType type) {
    try (ModelWork work = new ModelWork(size, type)) {
      return new double[] {
        Arrays.stream(work.scores()).sum(),
        work.step(),
        work.step(),
        work.step(),
        Arrays.stream(work.scores()).sum()
      };
    }
  }

  private static void compare(String what, double value, double expected, double tolerance) {
    double apart = Math.abs(value - expected) / Math.max(Math.abs(expected), Double.MIN_NORMAL);
    boolean near = value == expected || apart <= tolerance;
    failed |= !near;
    System.out.printf(
        Locale.ROOT,
        "value what=%s got=%.12g expected=%.12g apart=%.1e %s%n",
        what.replace(' ', '_'),
        value,
        expected,
        apart,
        near ? "ok" : "FAILED");
  }
}
