package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import com.google.common.html.HtmlEscapers;

/**
 * A report as one HTML file that needs nothing else: no script, no network, light or dark as the
 * reader's system is, and readable on a phone.
 */
final class Report {

  private static final String STYLE =
      """
      :root { color-scheme: light dark; --text: #1c2126; --soft: #59636e; --page: #ffffff;
        --box: #f4f6f8; --grid: #dfe4e8; --c0: #1f6fb2; --c1: #d1581b; --c2: #3d8b37; --c3: #7a4fb5; }
      @media (prefers-color-scheme: dark) {
        :root { --text: #e4e8ec; --soft: #9aa5b0; --page: #14181c; --box: #1e242a; --grid: #333c45;
          --c0: #62aeea; --c1: #f0925c; --c2: #7cc576; --c3: #b395e6; } }
      * { box-sizing: border-box; }
      body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
        color: var(--text); background: var(--page); max-width: 56rem; margin: 0 auto;
        padding: 1rem; }
      h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
      h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
      p.soft, figcaption { color: var(--soft); }
      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
      th, td { padding: 0.35rem 0.7rem; border-bottom: 1px solid var(--grid); text-align: right;
        white-space: nowrap; }
      th:first-child, td:first-child { text-align: left; padding-left: 0; }
      th { color: var(--soft); font-weight: 600; }
      figure { margin: 1rem 0; }
      svg { width: 100%; height: auto; display: block; }
      svg text { fill: var(--text); font-size: 14px; }
      @media (max-width: 32rem) { svg text { font-size: 19px; } }
      svg .grid { stroke: var(--grid); }
      .sample { background: var(--box); border-radius: 0.5rem; padding: 0.7rem 1rem;
        margin: 0.7rem 0; overflow-wrap: anywhere; }
      .sample p { margin: 0.2rem 0; }
      .sample b { display: inline-block; min-width: 4.5rem; color: var(--soft); font-weight: 600; }
      pre { background: var(--box); border-radius: 0.5rem; padding: 0.7rem 1rem; overflow-x: auto; }
      """;

  private final StringBuilder body = new StringBuilder();
  private final String title;

  Report(String title) {
    this.title = title;
    body.append("<h1>").append(escape(title)).append("</h1>\n");
  }

  /** Begins a section. */
  void heading(String text) {
    body.append("<h2>").append(escape(text)).append("</h2>\n");
  }

  /** Adds a paragraph. */
  void text(String text) {
    body.append("<p>").append(escape(text)).append("</p>\n");
  }

  /** Adds a paragraph that explains. */
  void note(String text) {
    body.append("<p class=\"soft\">").append(escape(text)).append("</p>\n");
  }

  /** Adds a table, which scrolls by itself where the screen is narrow. */
  void table(TextTable table) {
    body.append("<div class=\"scroll\"><table>\n<thead>");
    row("th", table.header());
    body.append("</thead>\n<tbody>\n");
    table.rows().forEach(cells -> row("td", cells));
    body.append("</tbody></table></div>\n");
  }

  private void row(String tag, ImmutableList<String> cells) {
    body.append("<tr>");
    cells.forEach(
        cell ->
            body.append('<')
                .append(tag)
                .append('>')
                .append(escape(cell))
                .append("</")
                .append(tag)
                .append('>'));
    body.append("</tr>\n");
  }

  /** Adds a chart. */
  void chart(String caption, String xLabel, String yLabel, ImmutableList<Curve> curves) {
    body.append("<figure>\n")
        .append(SvgChart.of(xLabel, yLabel, curves))
        .append("<figcaption>")
        .append(escape(caption))
        .append("</figcaption></figure>\n");
  }

  /** Adds what several policies answered to one prompt. */
  void sample(String prompt, ImmutableList<String> names, ImmutableList<String> answers) {
    body.append("<div class=\"sample\"><p><b>prompt</b> ").append(escape(prompt)).append("</p>\n");
    for (int i = 0; i < names.size(); i++) {
      body.append("<p><b>")
          .append(escape(names.get(i)))
          .append("</b> ")
          .append(escape(answers.get(i)))
          .append("</p>\n");
    }
    body.append("</div>\n");
  }

  /** Adds text as it is, such as a configuration. */
  void preformatted(String text) {
    body.append("<pre>").append(escape(text)).append("</pre>\n");
  }

  /** The whole file. */
  String html() {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        + "<title>"
        + escape(title)
        + "</title>\n<style>\n"
        + STYLE
        + "</style>\n</head>\n<body>\n"
        + body
        + "</body>\n</html>\n";
  }

  private static String escape(String text) {
    return HtmlEscapers.htmlEscaper().escape(text);
  }
}
