package io.github.p3o.examples.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.github.p3o.examples.PageCheck;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {

  /** Markup, a terminal's colour and bell, text that runs backwards, half a character. */
  private static final String HOSTILE =
      "</bdi></div><script>alert(1)</script><img src=http://example.org/x onerror=alert(1)>"
          + "&amp; \u001b[31mred\u0007 \u202eevil\u202c \ud83d 'quoted\" \u0000";

  private static final ImmutableList<Curve> CURVES =
      ImmutableList.of(
          new Curve(
              "p3o-v1",
              ImmutableList.of(
                  new Curve.Point(-1e-9, -0.1, 0.02),
                  new Curve.Point(1, 0.2, 0.05),
                  new Curve.Point(1.5, 0.7, Double.NaN))),
          new Curve(HOSTILE, ImmutableList.of(new Curve.Point(0, 0, 0))));

  private static Document pageWithEverything(String text) {
    Report report = new Report(text);
    report.heading(text);
    report.subheading(text);
    report.text(text);
    report.note(text);
    report.table(List.of("policy", text), List.of(List.of("before", text)));
    report.words(List.of(List.of(text, text)));
    report.matrix(
        text,
        List.of(text, "x"),
        List.of(
            List.of(new Report.Shade(Double.NaN, "", ""), new Report.Shade(0.25, text, text)),
            List.of(new Report.Shade(1, text, text), new Report.Shade(Double.NaN, "", ""))));
    report.chart(new Report.Chart(text, text, text, CURVES));
    report.charts(List.of(new Report.Chart(text, text, text, CURVES)));
    report.sample(text, List.of("before", text), List.of(text, text));
    report.folded(text, text);
    return PageCheck.parse(report.html());
  }

  @Test
  void html_withEverything_isWellFormedAndNeedsNothingElse() {
    PageCheck.isSelfContained(pageWithEverything("Text"));
  }

  @Test
  void html_ofHostileText_hasTheSameElementsAsOfPlainText() {
    Document hostile = pageWithEverything(HOSTILE);

    PageCheck.isSelfContained(hostile);
    assertThat(tags(hostile)).isEqualTo(tags(pageWithEverything("Text")));
    assertThat(hostile.select("td bdi").eachText())
        .anyMatch(text -> text.contains("<script>alert(1)</script>"));
    assertThat(hostile.html()).doesNotContain("\u001b", "\u0007", "\u0000");
    assertThat(hostile.select("h1").text()).contains("␛[31mred␇", "\ufffd", "␀");
  }

  private static List<String> tags(Document page) {
    return page.getAllElements().stream().map(Element::tagName).toList();
  }

  /** What turns the direction of text around does so no further than to the end of its own. */
  @Test
  void html_ofSamples_keepsTheirDirectionToThemselves() {
    Document page = pageWithEverything(HOSTILE);

    assertThat(page.select("div.sample bdi")).hasSize(3);
    assertThat(page.select("div.sides > div")).hasSize(2);
  }

  @Test
  void html_ofAVeryLongText_showsItsBeginningAndHowMuchIsLeft() {
    Report report = new Report("t");
    report.sample("p", List.of("x"), List.of("word ".repeat(100_000)));

    assertThat(report.html()).hasSizeLessThan(20_000).contains("… (496000 more characters)");
  }

  @Test
  void svg_ofCurves_hasBandsOnlyWhereTheyGoRight() {
    assertThat(SvgChart.of("KL", "gold", CURVES)).contains("fill-opacity");
    Curve back =
        new Curve(
            "back", ImmutableList.of(new Curve.Point(1, 0, 0.1), new Curve.Point(0.5, 1, 0.1)));
    assertThat(SvgChart.of("KL", "gold", List.of(back)))
        .doesNotContain("fill-opacity")
        .contains("<line stroke=\"var(--c0)\"");
  }

  @Test
  void svgAxis_aroundARoundingError_beginsAtZero() {
    assertThat(SvgChart.of("KL", "gold", CURVES)).contains(">0.0<").doesNotContain(">-0.5<", "NaN");
  }

  @Test
  void svgAxis_aroundOneValue_hasShortLabels() {
    Curve flat =
        new Curve(
            "flat",
            ImmutableList.of(new Curve.Point(0, 48, Double.NaN), new Curve.Point(1, 48, 0)));
    assertThat(SvgChart.of("step", "tokens", List.of(flat))).contains(">46<", ">50<");
    Curve zero = new Curve("zero", ImmutableList.of(new Curve.Point(0, 0, 0)));
    assertThat(SvgChart.of("step", "tokens", List.of(zero))).contains(">-1.0<", ">1.0<");
  }

  @Test
  void plot_ofCurves_isAnImage(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("kl-reward.png");

    KlRewardPlot.write(file, "title", "gold", CURVES);

    assertThat(Files.size(file)).isGreaterThan(5_000);
    assertThat(ImageIO.read(file.toFile()).getWidth()).isEqualTo(1200);
  }
}
