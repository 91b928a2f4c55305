package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {

  private static final ImmutableList<Curve> CURVES =
      ImmutableList.of(
          new Curve(
              "p3o-v1",
              ImmutableList.of(
                  new Curve.Point(-1e-9, -0.1, 0.02), new Curve.Point(1.5, 0.7, Double.NaN))),
          new Curve("<b>", ImmutableList.of(new Curve.Point(0, 0, 0))));

  @Test
  void html_withEverything_needsNothingElse() {
    Report report = new Report("Title & more");
    TextTable table = new TextTable("policy", "gold");
    table.add("before", "0.1 ± 0.0");
    report.heading("Heading");
    report.text("Text");
    report.table(table);
    report.chart("Caption", "KL", "gold", CURVES);
    report.sample("<prompt>", ImmutableList.of("before"), ImmutableList.of("</div>"));

    String html = report.html();

    assertThat(html)
        .contains("Title &amp; more", "Heading", "Text", "0.1 ± 0.0", "Caption", "<svg", "p3o-v1")
        .contains("&lt;prompt&gt;", "&lt;/div&gt;", "&lt;b&gt;")
        .contains("prefers-color-scheme: dark", "width=device-width")
        .doesNotContain("http:", "https:", "src=", "<script", "<link", "url(", "@import", "NaN");
  }

  @Test
  void svgAxis_aroundARoundingError_beginsAtZero() {
    assertThat(SvgChart.of("KL", "gold", CURVES)).contains(">0.0<").doesNotContain(">-0.5<");
  }

  @Test
  void plot_ofCurves_isAnImage(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("kl-reward.png");

    KlRewardPlot.write(file, "title", "gold", CURVES);

    assertThat(Files.size(file)).isGreaterThan(5_000);
    assertThat(ImageIO.read(file.toFile()).getWidth()).isEqualTo(1200);
  }
}
