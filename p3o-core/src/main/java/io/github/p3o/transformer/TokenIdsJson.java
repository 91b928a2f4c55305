package io.github.p3o.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.google.common.primitives.ImmutableIntArray;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;

/** Ids of special tokens as Hugging Face writes them: null, one id, or a list of ids. */
final class TokenIdsJson {

  private TokenIdsJson() {}

  /**
   * Reads them, each once.
   *
   * @return empty for null and for a key that is not there
   * @throws CheckpointException for anything but ids, an empty list among it
   */
  static ImmutableIntArray read(Path file, String key, JsonNode value) {
    Set<Integer> ids = new LinkedHashSet<>();
    for (JsonNode id : value.isArray() ? value : JsonNodeFactory.instance.arrayNode().add(value)) {
      if (id.isIntegralNumber() && id.canConvertToInt()) {
        ids.add(id.intValue());
      } else if (value.isArray() || !(value.isNull() || value.isMissingNode())) {
        throw CheckpointException.of(file, key, "an id or a list of ids", value);
      }
    }
    if (value.isArray() && value.isEmpty()) {
      throw CheckpointException.of(file, key, "an id or a list of ids", value);
    }
    return ImmutableIntArray.copyOf(ids);
  }

  /** Null is written out, as an absent key stands for Hugging Face's default. */
  static JsonNode of(int... ids) {
    if (ids.length < 2) {
      return ids.length == 0 ? NullNode.instance : IntNode.valueOf(ids[0]);
    }
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    for (int id : ids) {
      list.add(id);
    }
    return list;
  }
}
