package io.github.p3o.examples.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The KL–reward curve as a PNG. */
public final class KlRewardPlot {

  private static final Color[] COLORS = {
    new Color(0x1f6fb2), new Color(0xd1581b), new Color(0x3d8b37), new Color(0x7a4fb5)
  };

  private KlRewardPlot() {}

  /**
   * Draws the curves into a file.
   *
   * @param title above the chart
   * @param yLabel what the reward is
   * @param curves KL in nats against reward, with standard errors
   */
  public static void write(Path file, String title, String yLabel, List<Curve> curves) {
    System.setProperty("java.awt.headless", "true");
    XYChart chart =
        new XYChartBuilder()
            .width(1200)
            .height(760)
            .title(title)
            .xAxisTitle("KL to the reference policy, nats a response")
            .yAxisTitle(yLabel)
            .build();
    style(chart);
    for (int i = 0; i < curves.size(); i++) {
      add(chart, curves.get(i), COLORS[i % COLORS.length]);
    }
    BufferedImage image =
        new BufferedImage(chart.getWidth(), chart.getHeight(), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    chart.paint(graphics, chart.getWidth(), chart.getHeight());
    graphics.dispose();
    try {
      ImageIO.write(image, "png", file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void add(XYChart chart, Curve curve, Color color) {
    XYSeries series =
        chart.addSeries(
            curve.name(),
            curve.points().stream().mapToDouble(Curve.Point::x).toArray(),
            curve.points().stream().mapToDouble(Curve.Point::y).toArray(),
            curve.points().stream()
                .mapToDouble(point -> Double.isNaN(point.error()) ? 0 : point.error())
                .toArray());
    series.setMarkerColor(color).setMarker(SeriesMarkers.CIRCLE);
    series.setLineColor(color).setLineStyle(new BasicStroke(3f));
  }

  private static void style(XYChart chart) {
    Font plain = new Font(Font.SANS_SERIF, Font.PLAIN, 22);
    XYStyler styler = chart.getStyler();
    styler.setLegendPosition(LegendPosition.InsideSE);
    styler.setLegendFont(plain);
    styler.setLegendBorderColor(Color.WHITE);
    styler.setChartTitleFont(plain.deriveFont(26f));
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setAxisTitleFont(plain);
    styler.setAxisTickLabelsFont(plain);
    styler.setPlotBorderVisible(false);
    styler.setPlotGridLinesColor(new Color(0xdddddd));
    styler.setErrorBarsColorSeriesColor(true);
    styler.setMarkerSize(11);
    styler.setXAxisDecimalPattern("0.0#").setYAxisDecimalPattern("0.0#");
    styler.setYAxisTickMarkSpacingHint(90).setXAxisTickMarkSpacingHint(120);
  }
}
