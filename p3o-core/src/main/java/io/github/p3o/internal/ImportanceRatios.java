package io.github.p3o.internal;

import com.google.common.primitives.ImmutableDoubleArray;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Moments of {@code ρ = exp(log π_θ − log π_old)} over many responses.
 *
 * @param sum Σρ
 * @param sumOfSquares Σρ²
 * @param min least ρ
 * @param max greatest ρ
 * @param clamped how many log-ratios were beyond the bound
 */
public record ImportanceRatios(
    double sum, double sumOfSquares, double min, double max, long clamped) {

  private static final int BLOCK = 256;

  /** Responses of one task; tasks are added up in order, whoever computed them. */
  private static final int TASK = 8 * BLOCK;

  /**
   * Measures the ratios.
   *
   * @param now log π_θ
   * @param old log π_old, of the same length
   * @param bound log-ratios are clamped to ± this
   */
  public static ImportanceRatios of(
      ImmutableDoubleArray now, ImmutableDoubleArray old, double bound) {
    int length = now.length();
    int tasks = (length + TASK - 1) / TASK;
    ImportanceRatios[] parts = new ImportanceRatios[tasks];
    IntStream range = IntStream.range(0, tasks);
    (tasks > 1 ? range.parallel() : range)
        .forEach(
            task ->
                parts[task] =
                    of(now, old, bound, task * TASK, Math.min(length, (task + 1) * TASK)));
    return Arrays.stream(parts).reduce(none(), ImportanceRatios::plus);
  }

  private static ImportanceRatios none() {
    return new ImportanceRatios(0, 0, Double.POSITIVE_INFINITY, 0, 0);
  }

  private ImportanceRatios plus(ImportanceRatios other) {
    return new ImportanceRatios(
        sum + other.sum,
        sumOfSquares + other.sumOfSquares,
        Math.min(min, other.min),
        Math.max(max, other.max),
        clamped + other.clamped);
  }

  private static ImportanceRatios of(
      ImmutableDoubleArray now, ImmutableDoubleArray old, double bound, int from, int to) {
    DoubleExp exp = DoubleExp.ofThread();
    double[] logRatios = new double[BLOCK];
    double[] ratios = new double[BLOCK]; // at first log π_old
    ImportanceRatios total = none();
    for (int begin = from; begin < to; begin += BLOCK) {
      int count = Math.min(BLOCK, to - begin);
      PolicyLossGraph.copy(now, begin, logRatios, 0, count);
      PolicyLossGraph.copy(old, begin, ratios, 0, count);
      LaneKernels.subtract(logRatios, logRatios, ratios, count);
      long clamped = beyond(logRatios, bound, count);
      LaneKernels.clip(logRatios, logRatios, -bound, bound, count);
      exp.exp(ratios, logRatios, count);
      total = total.plus(moments(ratios, count, clamped));
    }
    return total;
  }

  private static long beyond(double[] a, double bound, int count) {
    double beyond = 0;
    for (int i = 0; i < count; i++) {
      beyond += LaneKernels.isNegative(bound - Math.abs(a[i]));
    }
    return (long) beyond;
  }

  private static ImportanceRatios moments(double[] ratios, int count, long clamped) {
    double sum = 0;
    double sumOfSquares = 0;
    for (int i = 0; i < count; i++) {
      sum += ratios[i];
      sumOfSquares += ratios[i] * ratios[i];
    }
    double min = ratios[0];
    double max = ratios[0];
    for (int i = 1; i < count; i++) { // Math.min and Math.max take twice as long
      min = ratios[i] < min ? ratios[i] : min;
      max = ratios[i] > max ? ratios[i] : max;
    }
    return new ImportanceRatios(sum, sumOfSquares, min, max, clamped);
  }
}
