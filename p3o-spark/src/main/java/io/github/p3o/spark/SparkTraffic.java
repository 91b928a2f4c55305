package io.github.p3o.spark;

/**
 * What the updates of a {@link SparkP3OTrainer} have moved and taken so far, to see what
 * communication costs. Bytes are those of parameters and gradients before Spark's compression,
 * which makes them little shorter.
 *
 * @param gradients how many gradients were computed, one for each update
 * @param parameterBytes given to every executor
 * @param gradientBytes that left all tasks together
 * @param sumBytes that the driver received: each gradient where they are small, else their sum
 * @param seconds from asking for a gradient to having its sum
 * @param computeSeconds of these, as long as the slowest task of each gradient computed
 */
public record SparkTraffic(
    long gradients,
    long parameterBytes,
    long gradientBytes,
    long sumBytes,
    double seconds,
    double computeSeconds) {

  static final SparkTraffic NONE = new SparkTraffic(0, 0, 0, 0, 0, 0);

  SparkTraffic sent(long bytes) {
    return new SparkTraffic(
        gradients, parameterBytes + bytes, gradientBytes, sumBytes, seconds, computeSeconds);
  }

  SparkTraffic gradient(long left, long received, double took, double computing) {
    return new SparkTraffic(
        gradients + 1,
        parameterBytes,
        gradientBytes + left,
        sumBytes + received,
        seconds + took,
        computeSeconds + computing);
  }

  /**
   * What came after an earlier moment.
   *
   * @param earlier of the same trainer
   * @return the difference
   */
  public SparkTraffic since(SparkTraffic earlier) {
    return new SparkTraffic(
        gradients - earlier.gradients,
        parameterBytes - earlier.parameterBytes,
        gradientBytes - earlier.gradientBytes,
        sumBytes - earlier.sumBytes,
        seconds - earlier.seconds,
        computeSeconds - earlier.computeSeconds);
  }

  /**
   * The part of the time of gradients in which no task was computing: scheduling, parameters and
   * gradients on their way, and their sums.
   *
   * @return from 0 to 1; 0 before the first gradient
   */
  public double communicationShare() {
    return seconds == 0 ? 0 : Math.max(0, 1 - computeSeconds / seconds);
  }
}
