package io.github.p3o.examples.report;

import java.util.Arrays;
import java.util.Locale;

/**
 * A mean and its standard error.
 *
 * @param mean the mean
 * @param standardError s / √n, NaN for a single value
 * @param count n
 */
public record Estimate(double mean, double standardError, int count) {

  /** Of independent values. */
  public static Estimate of(double... values) {
    int n = values.length;
    double mean = Arrays.stream(values).average().orElse(Double.NaN);
    double squares = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum();
    return new Estimate(mean, n < 2 ? Double.NaN : Math.sqrt(squares / (n - 1) / n), n);
  }

  /** Such as {@code 0.295 ± 0.014}. */
  public String text(int decimals) {
    String format = "%." + decimals + "f";
    // no minus in front of what rounds to zero
    double shown = Math.abs(mean) < 0.5 * Math.pow(10, -decimals) ? 0 : mean;
    return Double.isNaN(standardError)
        ? String.format(Locale.ROOT, format, shown)
        : String.format(Locale.ROOT, format + " ± " + format, shown, standardError);
  }

  /** The same in percent. */
  public String percent() {
    return new Estimate(100 * mean, 100 * standardError, count).text(1) + " %";
  }
}
