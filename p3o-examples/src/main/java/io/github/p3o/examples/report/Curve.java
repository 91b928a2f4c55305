package io.github.p3o.examples.report;

import com.google.common.collect.ImmutableList;

/**
 * A line of a chart.
 *
 * @param name for the legend
 * @param points from left to right as they are drawn
 */
public record Curve(String name, ImmutableList<Point> points) {

  /**
   * A point.
   *
   * @param x abscissa
   * @param y ordinate
   * @param error standard error of y, NaN if unknown
   */
  public record Point(double x, double y, double error) {

    /** The lower end of the error bar. */
    double low() {
      return Double.isNaN(error) ? y : y - error;
    }

    /** The upper end of the error bar. */
    double high() {
      return Double.isNaN(error) ? y : y + error;
    }
  }
}
