package io.github.p3o.bench;

import com.google.common.base.Splitter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** Draws time and memory against each size of {@link Growth}, both axes logarithmic. */
final class GrowthPlot {

  private static final int WIDTH = 220;
  private static final int HEIGHT = 170;
  private static final int LEFT = 44;
  private static final int BOTTOM = 34;
  private static final int TOP = 22;
  private static final int MARGIN = 12;

  private record Point(double x, double y) {}

  private final StringBuilder svg = new StringBuilder();

  private GrowthPlot() {}

  /** An SVG of a table's lines. */
  static String of(List<String> lines) {
    GrowthPlot plot = new GrowthPlot();
    int columns = Growth.AXES.size();
    plot.add(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\""
            + " font-size=\"11\"><rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>",
        columns * WIDTH, 2 * HEIGHT);
    int column = 0;
    for (String axis : Growth.AXES.keySet()) {
      plot.panel(axis, "ms", column * WIDTH, 0, points(lines, axis, 2));
      plot.panel(axis, "MiB", column * WIDTH, HEIGHT, points(lines, axis, 4));
      column++;
    }
    return plot.svg.append("</svg>\n").toString();
  }

  private static List<Point> points(List<String> lines, String axis, int cell) {
    List<Point> points = new ArrayList<>();
    for (String line : lines) {
      List<String> cells = Splitter.on(',').splitToList(line);
      if (cells.get(0).equals(axis)) {
        points.add(
            new Point(Double.parseDouble(cells.get(1)), Double.parseDouble(cells.get(cell))));
      }
    }
    return points;
  }

  private void panel(String axis, String unit, int left, int top, List<Point> points) {
    double lowX = log(points.stream().mapToDouble(Point::x)).min().orElse(0);
    double highX = log(points.stream().mapToDouble(Point::x)).max().orElse(1);
    double lowY = Math.floor(log(points.stream().mapToDouble(Point::y)).min().orElse(0));
    double highY = Math.ceil(log(points.stream().mapToDouble(Point::y)).max().orElse(1));
    int width = WIDTH - LEFT - MARGIN;
    int height = HEIGHT - TOP - BOTTOM;
    add(
        "<g transform=\"translate(%d %d)\"><text x=\"4\" y=\"12\">%s</text>"
            + "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
        left, top, unit, LEFT + width / 2, HEIGHT - 4, axis);
    for (double tick = lowY; tick <= highY; tick++) {
      double y = TOP + height * (highY - tick) / Math.max(1, highY - lowY);
      add(
          "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>"
              + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>",
          LEFT, LEFT + width, y, y, LEFT - 4, y + 4, Math.exp(tick * Math.log(10)));
    }
    StringBuilder line = new StringBuilder();
    for (Point point : points) {
      double x = LEFT + width * (Math.log10(point.x()) - lowX) / Math.max(1e-9, highX - lowX);
      double y = TOP + height * (highY - Math.log10(point.y())) / Math.max(1, highY - lowY);
      line.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
      add("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#2563eb\"/>", x, y);
      add(
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" font-size=\"9\">%.0f</text>",
          x, HEIGHT - BOTTOM + 14, point.x());
    }
    add("<polyline points=\"%s\" fill=\"none\" stroke=\"#2563eb\"/></g>", line.toString().strip());
  }

  private static DoubleStream log(DoubleStream values) {
    return values.map(Math::log10);
  }

  private void add(String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
