package io.github.p3o.examples.report;

import com.google.common.html.HtmlEscapers;

/** Any text, whoever wrote it, as text of an HTML page. */
final class HtmlText {

  /** What a report shows of one text. */
  private static final int MOST = 4000;

  private HtmlText() {}

  /**
   * Escaped for an element or a quoted attribute. Control characters, such as those of terminals,
   * show as their pictures (␛); half of a character as a replacement.
   */
  static String escape(String text) {
    StringBuilder visible = new StringBuilder(text.length());
    text.codePoints().limit(MOST).forEach(c -> visible.appendCodePoint(visible(c)));
    long left = text.codePoints().count() - MOST;
    if (left > 0) {
      visible.append(" … (").append(left).append(" more characters)");
    }
    return HtmlEscapers.htmlEscaper().escape(visible.toString());
  }

  private static int visible(int c) {
    boolean isSpace = c == '\n' || c == '\t';
    if (c < ' ' && !isSpace) {
      return '\u2400' + c;
    }
    boolean isNothing = (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000);
    return c == 0x7f ? '\u2421' : isNothing ? '\ufffd' : c;
  }
}
