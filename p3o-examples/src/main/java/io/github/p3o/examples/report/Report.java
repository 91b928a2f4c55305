package io.github.p3o.examples.report;

import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/**
 * A report as one HTML file that needs nothing else and may load nothing else (Content Security
 * Policy): no script, no network, light or dark as the reader's system is, and readable on a phone.
 * All text is escaped.
 */
final class Report {

  private static final String STYLE =
      """
      :root { color-scheme: light dark; --text: #1c2126; --soft: #59636e; --page: #ffffff;
        --box: #f4f6f8; --grid: #dfe4e8; --c0: #1f6fb2; --c1: #d1581b; --c2: #3d8b37; --c3: #7a4fb5;
        --c4: #b3306b; --c5: #0f8585; --c6: #8a6d00; --c7: #626b75; }
      @media (prefers-color-scheme: dark) {
        :root { --text: #e4e8ec; --soft: #9aa5b0; --page: #14181c; --box: #1e242a; --grid: #333c45;
          --c0: #62aeea; --c1: #f0925c; --c2: #7cc576; --c3: #b395e6; --c4: #ec7fb2; --c5: #4fc4c4;
          --c6: #d8b740; --c7: #a3adb8; } }
      * { box-sizing: border-box; }
      body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
        color: var(--text); background: var(--page); max-width: 60rem; margin: 0 auto;
        padding: 1rem; overflow-wrap: anywhere; }
      h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
      h2 { font-size: 1.2rem; margin: 2.2rem 0 0.5rem; }
      h3 { font-size: 1rem; margin: 1.4rem 0 0.4rem; }
      p.soft, figcaption { color: var(--soft); }
      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem;
        margin: 0.5rem 0; overflow-wrap: normal; }
      th, td { padding: 0.35rem 0.7rem; border-bottom: 1px solid var(--grid); text-align: right;
        white-space: nowrap; }
      th:first-child, td:first-child { text-align: left; padding-left: 0.3rem; }
      table.words td { text-align: left; white-space: normal; vertical-align: top;
        overflow-wrap: anywhere; }
      table.words td:first-child { white-space: nowrap; color: var(--soft); }
      th { color: var(--soft); font-weight: 600; }
      td small { display: block; color: var(--soft); }
      figure { margin: 1rem 0; min-width: 0; }
      .charts { display: grid; gap: 0 1.5rem;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }
      svg { width: 100%; height: auto; display: block; }
      svg text { fill: var(--text); font-size: 12px; }
      .charts svg text { font-size: 20px; }
      .charts svg text.y { display: none; }
      @media (max-width: 32rem) { svg text, .charts svg text { font-size: 21px; } }
      svg .grid { stroke: var(--grid); }
      ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem;
        margin: 0.2rem 0; padding: 0; font-size: 0.92rem; }
      ul.legend svg { display: inline-block; width: 1.6rem; height: 0.6rem; }
      .sample { background: var(--box); border-radius: 0.5rem; padding: 0.7rem 1rem;
        margin: 0.7rem 0; }
      .sides { display: grid; gap: 0.6rem 1.5rem;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); }
      .sides > div { max-height: 20rem; overflow-y: auto; }
      .sample b { display: block; color: var(--soft); font-weight: 600; font-size: 0.85rem; }
      .sample bdi, .words bdi { white-space: pre-wrap; }
      details { margin: 0.7rem 0; }
      summary { cursor: pointer; color: var(--soft); }
      pre { background: var(--box); border-radius: 0.5rem; padding: 0.7rem 1rem; overflow-x: auto;
        overflow-wrap: normal; font-size: 0.85rem; }
      """
          + shades();

  /** A chart with its caption. */
  record Chart(String caption, String xLabel, String yLabel, ImmutableList<Curve> curves) {}

  private final StringBuilder body = new StringBuilder();
  private final String title;

  Report(String title) {
    this.title = title;
    element("h1", title);
  }

  /** Backgrounds of a matrix: .w0 to .w10, for shares in tenths. */
  private static String shades() {
    StringBuilder css = new StringBuilder();
    for (int tenth = 0; tenth <= 10; tenth++) {
      String color = tenth < 5 ? "--c1" : "--c0";
      int strength = 9 * Math.abs(tenth - 5);
      css.append(
          String.format(
              Locale.ROOT,
              ".w%d { background: color-mix(in srgb, var(%s) %d%%, transparent); }%n",
              tenth,
              color,
              strength));
    }
    return css.toString();
  }

  private void element(String name, String text) {
    body.append('<').append(name).append('>').append(HtmlText.escape(text));
    body.append("</").append(name).append(">\n");
  }

  /** Begins a section. */
  void heading(String text) {
    element("h2", text);
  }

  /** Begins a part of a section. */
  void subheading(String text) {
    element("h3", text);
  }

  /** Adds a paragraph. */
  void text(String text) {
    element("p", text);
  }

  /** Adds a paragraph that explains, if it says anything. */
  void note(String text) {
    if (!text.isBlank()) {
      body.append("<p class=\"soft\">").append(HtmlText.escape(text)).append("</p>\n");
    }
  }

  /** Adds a table of numbers, which scrolls by itself where the screen is narrow. */
  void table(List<String> header, List<? extends List<String>> rows) {
    body.append("<div class=\"scroll\"><table>\n<thead>");
    row("th", header);
    body.append("</thead>\n<tbody>\n");
    rows.forEach(cells -> row("td", cells));
    body.append("</tbody></table></div>\n");
  }

  /** Adds names and what they stand for, in words. */
  void words(List<? extends List<String>> rows) {
    body.append("<table class=\"words\"><tbody>\n");
    rows.forEach(cells -> row("td", cells));
    body.append("</tbody></table>\n");
  }

  private void row(String tag, List<String> cells) {
    body.append("<tr>");
    cells.forEach(
        cell ->
            body.append('<')
                .append(tag)
                .append("><bdi>")
                .append(HtmlText.escape(cell))
                .append("</bdi></")
                .append(tag)
                .append('>'));
    body.append("</tr>\n");
  }

  /** A share from 0 to 1, or NaN, and what is small beneath it. */
  record Shade(double share, String text, String below) {}

  /** Adds a matrix of shares, the greater the stronger their colour. */
  void matrix(String corner, List<String> names, List<? extends List<Shade>> rows) {
    body.append("<div class=\"scroll\"><table>\n<thead>");
    row("th", ImmutableList.<String>builder().add(corner).addAll(names).build());
    body.append("</thead>\n<tbody>\n");
    for (int i = 0; i < rows.size(); i++) {
      body.append("<tr><td><bdi>").append(HtmlText.escape(names.get(i))).append("</bdi></td>");
      for (Shade shade : rows.get(i)) {
        body.append(
            Double.isNaN(shade.share())
                ? "<td>"
                : "<td class=\"w" + Math.round(10 * shade.share()) + "\">");
        body.append(HtmlText.escape(shade.text()));
        body.append(" <small>").append(HtmlText.escape(shade.below())).append("</small></td>");
      }
      body.append("</tr>\n");
    }
    body.append("</tbody></table></div>\n");
  }

  /** Adds a chart. */
  void chart(Chart chart) {
    body.append("<figure>\n")
        .append(SvgChart.of(chart.xLabel(), chart.yLabel(), chart.curves()))
        .append("<figcaption>");
    if (chart.curves().size() > 1) {
      legend(chart.curves());
    }
    body.append(HtmlText.escape(chart.caption())).append("</figcaption></figure>\n");
  }

  private void legend(List<Curve> curves) {
    body.append("<ul class=\"legend\">");
    for (int i = 0; i < curves.size(); i++) {
      body.append("<li><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><line stroke=\"var(--c")
          .append(i % SvgChart.COLORS)
          .append(")\" stroke-width=\"4\" x1=\"0\" x2=\"24\" y1=\"4\" y2=\"4\"")
          .append(i < SvgChart.COLORS ? "" : " stroke-dasharray=\"6 4\"")
          .append("/></svg> <bdi>")
          .append(HtmlText.escape(curves.get(i).name()))
          .append("</bdi></li>");
    }
    body.append("</ul>");
  }

  /** Adds small charts beside each other. */
  void charts(List<Chart> charts) {
    body.append("<div class=\"charts\">\n");
    charts.forEach(this::chart);
    body.append("</div>\n");
  }

  /** Adds what several policies answered to one prompt, side by side. */
  void sample(String prompt, List<String> names, List<String> answers) {
    body.append("<div class=\"sample\"><b>prompt</b><bdi>")
        .append(HtmlText.escape(prompt))
        .append("</bdi><div class=\"sides\">\n");
    for (int i = 0; i < names.size(); i++) {
      body.append("<div><b>")
          .append(HtmlText.escape(names.get(i)))
          .append("</b><bdi>")
          .append(HtmlText.escape(answers.get(i)))
          .append("</bdi></div>\n");
    }
    body.append("</div></div>\n");
  }

  /** Adds text as it is, such as a configuration, to be unfolded. */
  void folded(String summary, String text) {
    body.append("<details><summary>")
        .append(HtmlText.escape(summary))
        .append("</summary><pre>")
        .append(HtmlText.escape(text))
        .append("</pre></details>\n");
  }

  /** The whole file. */
  String html() {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        + "<meta http-equiv=\"Content-Security-Policy\" content=\""
        + policy()
        + "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        + "<title>"
        + HtmlText.escape(title)
        + "</title>\n<style>"
        + STYLE
        + "</style>\n</head>\n<body>\n"
        + body
        + "</body>\n</html>\n";
  }

  /** Nothing but this very style. */
  private static String policy() {
    byte[] hash = Hashing.sha256().hashString(STYLE, StandardCharsets.UTF_8).asBytes();
    return "default-src 'none'; style-src 'sha256-"
        + Base64.getEncoder().encodeToString(hash)
        + "'; base-uri 'none'; form-action 'none'";
  }
}
