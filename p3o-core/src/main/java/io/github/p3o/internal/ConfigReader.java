package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.commons.text.similarity.LevenshteinDistance;

/**
 * Reads configurations from YAML, of which JSON is a part; strictly. What a file does not name
 * keeps its default.
 */
public final class ConfigReader {

  private static final ObjectMapper YAML =
      YAMLMapper.builder()
          // "OFF" is a word here; YAML 1.1 takes it for false.
          .enable(YAMLParser.Feature.PARSE_BOOLEAN_LIKE_WORDS_AS_STRINGS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
          .visibility(PropertyAccessor.FIELD, Visibility.ANY)
          .build();

  private ConfigReader() {}

  /**
   * Reads a file over defaults.
   *
   * @param file YAML or JSON
   * @param defaults what the file does not name keeps these values; a record or a builder with a
   *     field for each key
   * @param type of the defaults
   * @param finish makes the configuration, such as the {@code build} of a builder
   * @throws IllegalArgumentException for an unknown key, a value that does not fit, or what the
   *     configuration itself refuses
   * @throws UncheckedIOException if the file cannot be read
   */
  public static <B, T> T read(Path file, B defaults, Class<B> type, Function<B, T> finish) {
    try {
      ObjectNode merged = YAML.valueToTree(defaults);
      JsonNode given = YAML.readTree(file.toFile());
      if (!given.isMissingNode() && !given.isNull()) { // an empty file changes nothing
        merge("", merged, given);
      }
      return finish.apply(YAML.treeToValue(merged, type));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + ": " + reason(e), e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(
          file + ": expected a readable file of YAML or JSON, got " + e, e);
    }
  }

  /** Reads a file over a record of defaults. */
  public static <T> T read(Path file, T defaults, Class<T> type) {
    return read(file, defaults, type, Function.identity());
  }

  private static void merge(String path, ObjectNode known, JsonNode given) {
    checkArgument(
        given.isObject(),
        "%sexpected keys and values, got %s",
        path.isEmpty() ? "" : path + ": ",
        given);
    String prefix = path.isEmpty() ? "" : path + ".";
    for (var entry : given.properties()) {
      String key = entry.getKey();
      JsonNode before = known.get(key);
      if (before == null) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "unknown key %s%s; the nearest known one is %s%s",
                prefix,
                key,
                prefix,
                nearest(key, known)));
      }
      if (before instanceof ObjectNode inner) {
        merge(prefix + key, inner, entry.getValue());
      } else {
        known.set(key, checked(prefix + key, before, entry.getValue()));
      }
    }
  }

  /** The given value, if it is of the kind of the value before. */
  private static JsonNode checked(String key, JsonNode before, JsonNode given) {
    String expected;
    if (before.isFloatingPointNumber()) {
      double number = toDouble(given);
      if (!Double.isNaN(number)) {
        return DoubleNode.valueOf(number);
      }
      expected = "a number";
    } else if (before.isIntegralNumber()) {
      if (given.isIntegralNumber()
          && (before.isInt() ? given.canConvertToInt() : given.canConvertToLong())) {
        return given;
      }
      expected = before.isInt() ? "a whole number below 2^31" : "a whole number below 2^63";
    } else {
      if (given.getNodeType() == before.getNodeType()) {
        return given;
      }
      expected =
          before.isTextual()
              ? "a word such as " + before.asText()
              : before.isArray() ? "a list such as [A, B]" : "true or false";
    }
    throw new IllegalArgumentException(
        String.format(Locale.ROOT, "%s: expected %s, got %s", key, expected, given));
  }

  /**
   * The number, or NaN if it is none. Numbers such as 1e-4, without a point, are text in YAML 1.1.
   */
  private static double toDouble(JsonNode given) {
    if (given.isTextual()) {
      try {
        return Double.parseDouble(given.asText());
      } catch (NumberFormatException e) {
        return Double.NaN;
      }
    }
    return given.isNumber() ? given.doubleValue() : Double.NaN;
  }

  private static String nearest(String key, ObjectNode known) {
    LevenshteinDistance distance = LevenshteinDistance.getDefaultInstance();
    return ImmutableList.copyOf(known.fieldNames()).stream()
        .min(Comparator.comparingInt(name -> distance.apply(key, name)))
        .orElseThrow();
  }

  /** What the configuration's own check said, with the keys that lead there, or Jackson's words. */
  private static String reason(JsonProcessingException e) {
    String path =
        e instanceof JsonMappingException mapping
            ? mapping.getPath().stream()
                .map(JsonMappingException.Reference::getFieldName)
                .collect(Collectors.joining("."))
            : "";
    if (e instanceof ValueInstantiationException && e.getCause() != null) {
      return (path.isEmpty() ? "" : path + ".") + e.getCause().getMessage();
    }
    if (e instanceof InvalidFormatException format && format.getTargetType().isEnum()) {
      return String.format(
          Locale.ROOT,
          "%s: expected one of %s, got %s",
          path,
          Arrays.toString(format.getTargetType().getEnumConstants()),
          format.getValue());
    }
    if (e.getOriginalMessage().startsWith("Trailing token")) {
      return "expected one document, got another behind it";
    }
    return (path.isEmpty() ? "" : path + ": ") + e.getOriginalMessage();
  }
}
