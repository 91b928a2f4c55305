package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import com.google.common.html.HtmlEscapers;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * Line charts with error bars as SVG inside HTML: colours are CSS variables of the page ({@code
 * --c0, --c1, …, --grid}), so that the page decides what is light and what is dark.
 */
final class SvgChart {

  private static final int WIDTH = 640;
  private static final int HEIGHT = 380;
  private static final int LEFT = 64;
  private static final int RIGHT = 16;
  private static final int TOP = 34;
  private static final int BOTTOM = 52;

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
        WIDTH, HEIGHT, escape(yLabel), escape(xLabel));
    ticks();
    add(
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, escape(xLabel));
    int middle = (TOP + HEIGHT - BOTTOM) / 2;
    add(
        "<text x=\"16\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 16 %d)\">%s</text>",
        middle, middle, escape(yLabel));
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
          px(tick), HEIGHT - BOTTOM + 18, x.label(tick));
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
    String color = "var(--c" + index + ")";
    StringBuilder path = new StringBuilder();
    for (Curve.Point point : curve.points()) {
      path.append(
          String.format(
              Locale.ROOT,
              "%s%.1f %.1f",
              path.isEmpty() ? "M" : "L",
              px(point.x()),
              py(point.y())));
      add(
          "<line stroke=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
          color, px(point.x()), px(point.x()), py(point.low()), py(point.high()));
      add(
          "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>",
          color, px(point.x()), py(point.y()));
    }
    add("<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" d=\"%s\"/>", color, path);
    int left = LEFT + 8 + 190 * index;
    add(
        "<line stroke=\"%s\" stroke-width=\"3\" x1=\"%d\" x2=\"%d\" y1=\"16\" y2=\"16\"/>",
        color, left, left + 22);
    add("<text x=\"%d\" y=\"21\">%s</text>", left + 30, escape(curve.name()));
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

  private static String escape(String text) {
    return HtmlEscapers.htmlEscaper().escape(text);
  }

  /** A range with round ticks. */
  private record Axis(double from, double to, double step) {

    /** The range from one tick to another that holds both values, with about five ticks. */
    static Axis around(double least, double greatest) {
      double span = Math.max(greatest - least, 1e-9);
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
