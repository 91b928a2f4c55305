package io.github.p3o.examples.supervised;

import com.google.common.collect.ImmutableList;
import io.github.p3o.eval.Interval;
import io.github.p3o.examples.report.Estimate;
import io.github.p3o.examples.run.TextTable;
import java.util.Locale;
import org.apache.commons.math3.distribution.BinomialDistribution;

/**
 * How far a reward model's confidence can be trusted on held-out comparisons. It says that the
 * chosen response is better with probability σ(r_chosen − r_rejected); its confidence in whichever
 * it prefers is σ(|difference|), from ½ to 1.
 *
 * @param accuracy the share of comparisons in which the chosen response has the higher score
 * @param loss −ln σ(r_chosen − r_rejected); of a coin ln 2
 * @param bins by confidence, from ½ to 1
 * @param expectedError the mean over comparisons of |accuracy − confidence| of their bin; see
 *     {@link #errorOfCalibrated}
 */
public record Calibration(
    Estimate accuracy, Estimate loss, ImmutableList<Bin> bins, double expectedError) {

  /** What the measures' last column is. */
  public static final String IDEAL =
      "ideal: what the preference behind the labels reaches, as they are noisy; of the calibration"
          + " error, the mean of a perfectly calibrated model with the same confidences.";

  private static final int BINS = 5;

  /**
   * The comparisons of one range of confidence.
   *
   * @param from least confidence
   * @param to greatest confidence
   * @param count comparisons in it
   * @param confidence their mean confidence
   * @param accuracy the share of them that is right
   */
  record Bin(double from, double to, int count, double confidence, double accuracy) {}

  /** From the difference r_chosen − r_rejected of each comparison. */
  static Calibration of(double... margins) {
    int n = margins.length;
    double[] right = new double[n];
    double[] losses = new double[n];
    double[][] sums = new double[BINS][3]; // count, confidence, right
    for (int i = 0; i < n; i++) {
      right[i] = (1 + Math.signum(margins[i])) / 2; // no preference is right half the time
      losses[i] = Math.log1p(Math.exp(-Math.abs(margins[i]))) + Math.max(0, -margins[i]);
      double confidence = 1 / (1 + Math.exp(-Math.abs(margins[i])));
      double[] bin = sums[Math.min(BINS - 1, (int) ((confidence - 0.5) * 2 * BINS))];
      bin[0]++;
      bin[1] += confidence;
      bin[2] += right[i];
    }
    ImmutableList.Builder<Bin> bins = ImmutableList.builder();
    double error = 0;
    for (int i = 0; i < BINS; i++) {
      double count = sums[i][0];
      double from = 0.5 + 0.5 * i / BINS;
      bins.add(
          new Bin(from, from + 0.5 / BINS, (int) count, sums[i][1] / count, sums[i][2] / count));
      error += Math.abs(sums[i][2] - sums[i][1]) / n;
    }
    return new Calibration(Estimate.of(right), Estimate.of(losses), bins.build(), error);
  }

  /**
   * What {@link #expectedError} is on average of a perfectly calibrated model: not 0, since a bin
   * of few comparisons is right more often or less than its confidence p by chance. Σ over bins of
   * E|B(n, p) − np| / comparisons, by de Moivre's E|B − np| = 2ν(1 − p) P(B = ν), ν = ⌊np⌋ + 1.
   */
  double errorOfCalibrated() {
    double sum = 0;
    for (Bin bin : bins) {
      if (bin.count() > 0) {
        double p = bin.confidence();
        int above = (int) Math.floor(bin.count() * p) + 1;
        sum +=
            2 * above * (1 - p) * new BinomialDistribution(null, bin.count(), p).probability(above);
      }
    }
    return sum / bins.stream().mapToInt(Bin::count).sum();
  }

  /** What each measure of it is worth. */
  public TextTable measures(String bestAccuracy) {
    TextTable table = new TextTable("held out", "reward model", "by chance", "ideal");
    table.add("accuracy", accuracy.text(3), "0.500", bestAccuracy);
    table.add("loss, nats", loss.text(3), "0.693", "");
    table.add("calibration error", three(expectedError), "", three(errorOfCalibrated()));
    return table;
  }

  private static String three(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  /** The bins that hold any comparison, as a table: what is right with Wilson's interval. */
  public TextTable table() {
    TextTable table = new TextTable("confidence", "comparisons", "said", "right", "95 %");
    for (Bin bin : bins) {
      if (bin.count() > 0) {
        Interval right = Interval.ofShare(bin.accuracy(), bin.count());
        table.add(
            String.format(Locale.ROOT, "%.1f-%.1f", bin.from(), bin.to()),
            String.valueOf(bin.count()),
            String.format(Locale.ROOT, "%.3f", bin.confidence()),
            String.format(Locale.ROOT, "%.3f", right.value()),
            String.format(Locale.ROOT, "%.3f to %.3f", right.low(), right.high()));
      }
    }
    return table;
  }
}
