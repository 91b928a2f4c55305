package io.github.p3o.bench;

import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Rewards;
import io.github.p3o.loss.P3OLoss;
import java.util.SplittableRandom;
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
 * Value and gradient of P3O-V2 on plain numbers: the library's graph beside a loop in plain Java
 * that knows nothing but this one formula.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class PairwiseGradientBenchmark {

  /** How many pairs a batch has. */
  @Param({"64", "4096", "262144"})
  int pairs;

  private final double[][] now = new double[2][];
  private final double[][] old = new double[2][];
  private final double[][] reference = new double[2][];
  private final double[][] rewards = new double[2][];
  private LogProbs logProbs = LogProbs.of(new double[1], new double[1]);
  private PairwiseBatch batch =
      PairwiseBatch.ofNumbers(logProbs, logProbs, Rewards.of(new double[2][1]));
  private LossEvaluator evaluator = new LossEvaluator(P3OLoss.v2());

  /** Draws a batch near π_old, and checks that both sides of the comparison agree. */
  @Setup(Level.Trial)
  public void draw() {
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 2; i++) {
      old[i] = random.doubles(pairs, -120, -20).toArray();
      now[i] = random.doubles(pairs, -0.5, 0.5).toArray();
      reference[i] = random.doubles(pairs, -120, -20).toArray();
      rewards[i] = random.doubles(pairs, -1, 1).toArray();
      for (int p = 0; p < pairs; p++) {
        now[i][p] += old[i][p];
      }
    }
    logProbs = LogProbs.of(now);
    batch = PairwiseBatch.ofNumbers(LogProbs.of(old), LogProbs.of(reference), Rewards.of(rewards));
    double[] plain = plainJava();
    double[] ours = library().gradient()[0];
    for (int p = 0; p < pairs; p++) {
      if (Math.abs(plain[p] - ours[p]) > 1e-12) {
        throw new IllegalStateException("pair " + p + ": " + plain[p] + " and " + ours[p]);
      }
    }
  }

  /** Frees native memory. */
  @TearDown(Level.Trial)
  public void close() {
    evaluator.close();
    evaluator = new LossEvaluator(P3OLoss.v2());
  }

  /** The library. */
  @Benchmark
  public Evaluation library() {
    return evaluator.evaluate(batch, logProbs);
  }

  /** ∂L/∂s₁ of P3O-V2; ∂L/∂s₂ is its negative. */
  @Benchmark
  public double[] plainJava() {
    double[] gradient = new double[pairs];
    for (int p = 0; p < pairs; p++) {
      double kl = old[0][p] - reference[0][p] - (old[1][p] - reference[1][p]);
      double delta = rewards[0][p] - rewards[1][p] - 0.05 * kl;
      double logProduct = now[0][p] + now[1][p] - (old[0][p] + old[1][p]);
      double weight = Math.exp(Math.max(-20, Math.min(20, logProduct)));
      double moved = now[0][p] - now[1][p] - (old[0][p] - old[1][p]);
      boolean clipped = (delta > 0 && moved > 0.2) || (delta < 0 && moved < -0.2);
      double advantage = delta * Math.max(0.1, Math.min(10, weight));
      gradient[p] = clipped ? 0 : -advantage / 2 / pairs;
    }
    return gradient;
  }
}
