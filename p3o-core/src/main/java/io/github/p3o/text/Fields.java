package io.github.p3o.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableList;

/** The fields of a line. */
final class Fields {

  private Fields() {}

  /** A text that must be there. */
  static String text(JsonNode object, String field) throws MalformedLineException {
    String text = object.path(field).textValue();
    if (text == null) {
      String got =
          object.has(field)
              ? object.path(field).getNodeType().toString()
              : "none among " + ImmutableList.copyOf(object.fieldNames());
      throw new MalformedLineException(field + ": expected a text, got " + got);
    }
    return text;
  }
}
