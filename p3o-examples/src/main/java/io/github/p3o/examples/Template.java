package io.github.p3o.examples;

import com.google.common.base.Ascii;
import io.github.p3o.text.ChatTemplate;

/** How lists of messages are written as text, by its name on the command line. */
enum Template {
  HH(ChatTemplate.HH),
  CHATML(ChatTemplate.CHATML),
  ZEPHYR(ChatTemplate.ZEPHYR);

  private final ChatTemplate template;

  Template(ChatTemplate template) {
    this.template = template;
  }

  ChatTemplate template() {
    return template;
  }

  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}
