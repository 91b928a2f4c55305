package io.github.p3o.bench;

import io.github.p3o.Evaluation;
import io.github.p3o.loss.P3OLoss;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Value and gradient of P3O on plain numbers, float64, the library beside PyTorch. The library's
 * time includes its statistics.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class PairwiseGradientBenchmark {

  /** How many pairs a batch has. */
  @Param({"64", "4096", "262144", "4194304"})
  int pairs;

  /** Separate or joint clipping. */
  @Param({"V1", "V2"})
  P3OLoss.Form form = P3OLoss.Form.V1;

  private PairTask task = new PairTask(form, 1);

  /** Draws a batch, and refuses to time what does not agree. */
  @Setup(Level.Trial)
  public void draw() {
    task.close();
    task = new PairTask(form, pairs);
    double difference = task.difference();
    if (!(difference < 1e-10)) {
      throw new IllegalStateException("expected equal gradients, they differ by " + difference);
    }
  }

  /** Frees native memory. */
  @TearDown(Level.Trial)
  public void close() {
    task.close();
  }

  /** The library. */
  @Benchmark
  public Evaluation library() {
    return task.library();
  }

  /** The peer. */
  @Benchmark
  public double pytorch() {
    return task.pytorch();
  }
}
