package io.github.p3o.examples.report;

import com.google.common.collect.Comparators;
import com.google.common.collect.ImmutableList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * Line charts as SVG inside HTML. Errors are a band where the line goes to the right all along, and
 * bars elsewhere. Colours are CSS variables of the page ({@code --c0, --c1, …, --grid}), so that
 * the page decides what is light and what is dark.
 */
final class SvgChart {

  /** Colours of a page; further lines are dashed. */
  static final int COLORS = 8;

  private static final int WIDTH = 640;
  private static final int HEIGHT = 360;
  private static final int LEFT = 84;
  private static final int RIGHT = 32; // half of the last label
  private static final int TOP = 14;
  private static final int BOTTOM = 56;

  /** With more points their marks would hide the line. */
  private static final int MOST_MARKS = 60;

  private final String xLabel;
  private final String yLabel;
  private final ImmutableList<Curve> curves;
  private final Axis x;
  private final Axis y;
  private final StringBuilder svg = new StringBuilder();

  private SvgChart(String xLabel, String yLabel, List<Curve> curves) {
    this.xLabel = xLabel;
    this.yLabel = yLabel;
    this.curves = ImmutableList.copyOf(curves);
    this.x = Axis.around(extreme(Curve.Point::x, -1), extreme(Curve.Point::x, 1));
    this.y = Axis.around(extreme(Curve.Point::low, -1), extreme(Curve.Point::high, 1));
  }

  /** An svg element. */
  static String of(String xLabel, String yLabel, List<Curve> curves) {
    return new SvgChart(xLabel, yLabel, curves).draw();
  }

  /** The greatest (sign 1) or least (sign −1) of a value of all points. */
  private double extreme(ToDoubleFunction<Curve.Point> value, int sign) {
    return sign
        * curves.stream()
            .flatMap(curve -> curve.points().stream())
            .mapToDouble(point -> sign * value.applyAsDouble(point))
            .max()
            .orElse(0);
  }

  private String draw() {
    add(
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s against %s\">",
        WIDTH, HEIGHT, HtmlText.escape(yLabel), HtmlText.escape(xLabel));
    ticks();
    add(
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, HtmlText.escape(xLabel));
    int middle = (TOP + HEIGHT - BOTTOM) / 2;
    add(
        "<text class=\"y\" x=\"20\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 20"
            + " %d)\">%s</text>",
        middle, middle, HtmlText.escape(yLabel));
    for (int i = 0; i < curves.size(); i++) {
      curve(curves.get(i), i);
    }
    return svg.append("</svg>\n").toString();
  }

  private void ticks() {
    for (double tick : x.ticks()) {
      add(
          "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
          px(tick), px(tick), TOP, HEIGHT - BOTTOM);
      add(
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
          px(tick), HEIGHT - BOTTOM + 20, x.label(tick));
    }
    for (double tick : y.ticks()) {
      add(
          "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
          LEFT, WIDTH - RIGHT, py(tick), py(tick));
      add(
          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
          LEFT - 8, py(tick) + 5, y.label(tick));
    }
  }

  private void curve(Curve curve, int index) {
    ImmutableList<Curve.Point> points = curve.points();
    String color = "var(--c" + index % COLORS + ")";
    boolean goesRight = Comparators.isInOrder(points, Comparator.comparingDouble(Curve.Point::x));
    if (goesRight) {
      band(points, color);
    }
    add(
        "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s d=\"%s\"/>",
        color,
        index < COLORS ? "" : " stroke-dasharray=\"6 4\"",
        path(points, Curve.Point::y, "M"));
    if (points.size() <= MOST_MARKS) {
      points.forEach(point -> mark(point, color, goesRight));
    }
  }

  private void band(List<Curve.Point> points, String color) {
    ImmutableList<Curve.Point> known =
        points.stream()
            .filter(point -> point.high() > point.low())
            .collect(ImmutableList.toImmutableList());
    if (known.size() > 1) {
      add(
          "<path fill=\"%s\" fill-opacity=\"0.18\" d=\"%s%sZ\"/>",
          color, path(known, Curve.Point::high, "M"), path(known.reverse(), Curve.Point::low, "L"));
    }
  }

  private String path(List<Curve.Point> points, ToDoubleFunction<Curve.Point> value, String begin) {
    StringBuilder path = new StringBuilder();
    for (Curve.Point point : points) {
      path.append(
          String.format(
              Locale.ROOT,
              "%s%.1f %.1f",
              path.isEmpty() ? begin : "L",
              px(point.x()),
              py(value.applyAsDouble(point))));
    }
    return path.toString();
  }

  private void mark(Curve.Point point, String color, boolean hasBand) {
    if (!hasBand) {
      add(
          "<line stroke=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
          color, px(point.x()), px(point.x()), py(point.low()), py(point.high()));
    }
    add(
        "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>%.4g, %.4g</title></circle>",
        color, px(point.x()), py(point.y()), point.x(), point.y());
  }

  private double px(double value) {
    return LEFT + x.share(value) * (WIDTH - LEFT - RIGHT);
  }

  private double py(double value) {
    return HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM);
  }

  private void add(String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  /** A range with round ticks. */
  private record Axis(double from, double to, double step) {

    /** The range from one tick to another that holds both values, with about five ticks. */
    static Axis around(double least, double greatest) {
      double size = Math.max(Math.abs(least), Math.abs(greatest));
      if (greatest - least <= 1e-9 * size || size == 0) { // one value: a line in the middle
        double room = size == 0 ? 1 : 0.05 * size;
        return around(least - room, greatest + room);
      }
      double span = greatest - least;
      double power = Math.pow(10, Math.floor(Math.log10(span / 5)));
      double ratio = span / 5 / power;
      double step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
      // a value that misses a tick by rounding alone asks for no further one
      return new Axis(
          Math.floor(least / step + 1e-2) * step, Math.ceil(greatest / step - 1e-2) * step, step);
    }

    double share(double value) {
      return (value - from) / Math.max(to - from, 1e-12);
    }

    double[] ticks() {
      int count = (int) Math.round((to - from) / step);
      double[] ticks = new double[count + 1];
      for (int i = 0; i <= count; i++) {
        ticks[i] = from + i * step;
      }
      return ticks;
    }

    String label(double tick) {
      int decimals = Math.max(0, (int) -Math.floor(Math.log10(step) + 1e-9));
      double shown = Math.abs(tick) < step / 1e6 ? 0 : tick; // no minus in front of a zero
      return String.format(Locale.ROOT, "%." + decimals + "f", shown);
    }
  }
}
