package io.github.p3o.bench;

import io.github.p3o.Samples;
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
 * 128 new tokens for each of some prompts, the library beside PyTorch; the library's time includes
 * log π of what was drawn.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 5)
@Measurement(iterations = 5, time = 5)
public class SamplingBenchmark {

  /** Of the decoder. */
  @Param({"M1", "M10", "M40"})
  ModelSize size = ModelSize.M1;

  /** How many are generated together. */
  @Param({"1", "64"})
  int sequences = 1;

  private SamplingTask task = new SamplingTask(ModelSize.M1, 1);

  /** Makes the decoder, and refuses to time what does not agree. */
  @Setup(Level.Trial)
  public void create() {
    task.close();
    task = new SamplingTask(size, sequences);
    double difference = task.difference();
    if (!(difference < 1e-4)) {
      throw new IllegalStateException("log-probabilities differ by a share of " + difference);
    }
  }

  /** Frees native memory. */
  @TearDown(Level.Trial)
  public void close() {
    task.close();
  }

  /** The library. */
  @Benchmark
  public Samples library() {
    return task.library();
  }

  /** The peer. */
  @Benchmark
  public long pytorch() {
    return task.pytorch();
  }
}
