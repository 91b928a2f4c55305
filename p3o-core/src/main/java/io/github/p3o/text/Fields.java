package io.github.p3o.text;

import com.fasterxml.jackson.databind.JsonNode;

/** The fields of a line. */
final class Fields {

  private Fields() {}

  /** A text that must be there. */
  static String text(JsonNode object, String field) throws MalformedLineException {
    String text = object.path(field).textValue();
    if (text == null) {
      throw new MalformedLineException(
          field + ": expected a text, got " + object.path(field).getNodeType());
    }
    return text;
  }
}
