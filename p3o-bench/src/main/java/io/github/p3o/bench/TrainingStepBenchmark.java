package io.github.p3o.bench;

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
 * One update of a decoder by P3O-V2 on 32 texts of 128 tokens, float32, the library beside PyTorch;
 * and the log-probabilities of the same texts without a gradient.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 5)
@Measurement(iterations = 5, time = 5)
public class TrainingStepBenchmark {

  /** Of a log-probability; float32 in another order of sums makes some 5e-7. */
  private static final double LOG_PROB_SHARE = 1e-5;

  /** A loss takes on what its log-ratios are off, of log-probabilities around −1,000 some 1e-4. */
  private static final double LOSS_SHARE = 1e-3;

  /** Of the decoder. */
  @Param({"M1", "M10", "M40"})
  ModelSize size = ModelSize.M1;

  private ModelTask task = new ModelTask(ModelSize.M1);

  /** Makes the decoder, and refuses to time what does not agree. */
  @Setup(Level.Trial)
  public void create() {
    task.close();
    task = new ModelTask(size);
    double difference = task.difference();
    if (!(difference < LOG_PROB_SHARE)) {
      throw new IllegalStateException("log-probabilities differ by a share of " + difference);
    }
    for (int i = 0; i < 3; i++) { // the optimiser's constants tell from the second update on
      double loss = task.libraryStep();
      double apart = Math.abs(loss - task.pytorchStep()) / Math.max(1, Math.abs(loss));
      double afterwards = task.difference();
      if (!(apart < LOSS_SHARE && afterwards < LOG_PROB_SHARE)) {
        throw new IllegalStateException("losses differ by " + apart + ", then by " + afterwards);
      }
    }
  }

  /** Frees native memory. */
  @TearDown(Level.Trial)
  public void close() {
    task.close();
  }

  /** The library's update. */
  @Benchmark
  public double libraryStep() {
    return task.libraryStep();
  }

  /** The peer's update. */
  @Benchmark
  public double pytorchStep() {
    return task.pytorchStep();
  }

  /** The library's log-probabilities. */
  @Benchmark
  public double[] libraryScores() {
    return task.libraryScores();
  }

  /** The peer's log-probabilities. */
  @Benchmark
  public double[] pytorchScores() {
    return task.pytorchScores();
  }
}
