package io.github.p3o.bench;

import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What the machine can do at most: large matrix products, and copies from memory to memory. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class MachineBenchmark {

  /** Rows and columns of the matrices. */
  static final int SIZE = 2048;

  /** Elements that are copied, float64: far more than caches hold. */
  static final int LENGTH = 1 << 26;

  private static final int PARTS = 16;

  private double[] from = {};
  private double[] to = {};
  private INDArray a = Nd4j.zeros(1, 1);
  private INDArray b = a;
  private INDArray c = a;

  /** What a product multiplies and adds. */
  static double flops() {
    return 2.0 * SIZE * SIZE * SIZE;
  }

  /** What a copy reads and writes. */
  static double bytes() {
    return 2.0 * LENGTH * Double.BYTES;
  }

  /** Takes memory. */
  @Setup(Level.Trial)
  public void create() {
    from = IntStream.range(0, LENGTH).mapToDouble(i -> i).toArray();
    to = new double[LENGTH];
    a = Nd4j.rand(DataType.FLOAT, SIZE, SIZE);
    b = Nd4j.rand(DataType.FLOAT, SIZE, SIZE);
    c = Nd4j.create(DataType.FLOAT, new long[] {SIZE, SIZE}, 'f');
  }

  /** A float32 product. */
  @Benchmark
  public INDArray products() {
    return Nd4j.gemm(a, b, c, false, false, 1, 0);
  }

  /** A copy by all threads. */
  @Benchmark
  public double[] copy() {
    int length = LENGTH / PARTS;
    IntStream.range(0, PARTS)
        .parallel()
        .forEach(part -> System.arraycopy(from, part * length, to, part * length, length));
    return to;
  }
}
