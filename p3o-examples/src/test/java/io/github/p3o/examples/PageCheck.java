package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Set;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Attribute;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.jsoup.parser.Parser;

/** What must hold of every report. */
public final class PageCheck {

  /** Nothing else can be there: no script, link, image, frame, form or object. */
  private static final Set<String> ELEMENTS =
      Set.of(
          "#root",
          "html",
          "head",
          "body",
          "meta",
          "title",
          "style",
          "h1",
          "h2",
          "h3",
          "p",
          "div",
          "table",
          "thead",
          "tbody",
          "tr",
          "th",
          "td",
          "small",
          "figure",
          "figcaption",
          "ul",
          "li",
          "svg",
          "text",
          "line",
          "path",
          "circle",
          "b",
          "bdi",
          "details",
          "summary",
          "pre");

  private static final Set<String> ATTRIBUTES =
      Set.of(
          "lang",
          "charset",
          "name",
          "content",
          "http-equiv",
          "class",
          "role",
          "aria-label",
          "aria-hidden",
          "viewBox",
          "x",
          "y",
          "x1",
          "x2",
          "y1",
          "y2",
          "cx",
          "cy",
          "r",
          "d",
          "fill",
          "fill-opacity",
          "stroke",
          "stroke-width",
          "stroke-dasharray",
          "text-anchor",
          "transform");

  private PageCheck() {}

  /** Reads a page as a browser would, and fails where one would have to guess. */
  public static Document parse(String html) {
    Parser parser = Parser.htmlParser().setTrackErrors(10);
    Document page = Jsoup.parse(html, "", parser);
    assertThat(parser.getErrors()).as("errors of the parser").isEmpty();
    return page;
  }

  /** Checks that a page loads nothing, runs nothing and says so to the browser. */
  public static void isSelfContained(Document page) {
    for (Element element : page.getAllElements()) {
      assertThat(ELEMENTS).contains(element.tagName());
      for (Attribute attribute : element.attributes()) {
        assertThat(ATTRIBUTES).contains(attribute.getKey());
      }
    }
    String style = page.expectFirst("style").data();
    assertThat(style)
        .contains("prefers-color-scheme: dark")
        .doesNotContain("url(", "@import", "expression");
    String hash =
        Base64.getEncoder()
            .encodeToString(Hashing.sha256().hashString(style, StandardCharsets.UTF_8).asBytes());
    assertThat(page.select("meta[http-equiv=Content-Security-Policy]").attr("content"))
        .isEqualTo(
            "default-src 'none'; style-src 'sha256-"
                + hash
                + "'; base-uri 'none'; form-action 'none'");
    assertThat(page.select("meta[name=viewport]").attr("content"))
        .isEqualTo("width=device-width, initial-scale=1");
    assertThat(page.select("title").text()).isNotBlank();
  }
}
