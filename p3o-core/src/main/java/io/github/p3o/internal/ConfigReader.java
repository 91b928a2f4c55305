package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.google.common.base.Throwables;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** Reads configuration records from YAML, of which JSON is a part; strictly. */
public final class ConfigReader {

  private static final ObjectMapper YAML = new YAMLMapper();

  private ConfigReader() {}

  /**
   * Reads a file over defaults.
   *
   * @param file YAML or JSON
   * @param defaults what the file does not name keeps these values
   * @param type the record to read
   * @throws IllegalArgumentException for an unknown key or a value that does not fit
   * @throws UncheckedIOException if the file cannot be read
   */
  public static <T> T read(Path file, T defaults, Class<T> type) {
    try {
      ObjectNode merged = YAML.valueToTree(defaults);
      JsonNode given = YAML.readTree(file.toFile());
      checkArgument(
          given.isObject() || given.isMissingNode(),
          "%s: expected keys and values, got %s",
          file,
          given.getNodeType());
      merge(file, "", merged, given);
      return YAML.treeToValue(merged, type);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + ": " + reason(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException("could not read " + file, e);
    }
  }

  private static void merge(Path file, String prefix, ObjectNode known, JsonNode given) {
    given
        .properties()
        .forEach(
            entry -> {
              String key = entry.getKey();
              JsonNode before = known.get(key);
              checkArgument(
                  before != null,
                  "%s: unknown key %s%s; the nearest known one is %s",
                  file,
                  prefix,
                  key,
                  nearest(key, known));
              if (before instanceof ObjectNode inner && entry.getValue().isObject()) {
                merge(file, prefix + key + ".", inner, entry.getValue());
              } else {
                known.set(key, entry.getValue());
              }
            });
  }

  private static String nearest(String key, ObjectNode known) {
    List<String> names = ImmutableList.copyOf(known.fieldNames());
    LevenshteinDistance distance = LevenshteinDistance.getDefaultInstance();
    return names.stream()
        .min(Comparator.comparingInt(name -> distance.apply(key, name)))
        .orElseThrow();
  }

  /** What the record's own check said, or else what Jackson says. */
  private static String reason(JsonProcessingException e) {
    Throwable root = Throwables.getRootCause(e);
    if (root instanceof IllegalArgumentException && root.getMessage() != null) {
      return root.getMessage();
    }
    String at =
        e instanceof JsonMappingException mapping && !mapping.getPath().isEmpty()
            ? mapping.getPath().get(mapping.getPath().size() - 1).getFieldName() + ": "
            : "";
    return at + e.getOriginalMessage();
  }
}
