package io.github.p3o.internal;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * JSON of files that nobody vouches for: depth and every length are limited, a name that occurs
 * twice and anything behind the end are errors.
 */
public final class StrictJson {

  /** More than any Hugging Face file or data set here needs. */
  private static final int MAX_DEPTH = 64;

  private static final int MAX_NAME_LENGTH = 10_000;
  private static final int MAX_NUMBER_LENGTH = 100;

  private static final ObjectMapper MAPPER =
      JsonMapper.builder(factory(Integer.MAX_VALUE))
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private StrictJson() {}

  /**
   * A factory of parsers with these limits.
   *
   * @param maxStringLength of one string value, in characters
   * @return the factory
   */
  public static JsonFactory factory(int maxStringLength) {
    return JsonFactory.builder()
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .streamReadConstraints(
            StreamReadConstraints.builder()
                .maxNestingDepth(MAX_DEPTH)
                .maxNameLength(MAX_NAME_LENGTH)
                .maxNumberLength(MAX_NUMBER_LENGTH)
                .maxStringLength(maxStringLength)
                .build())
        .build();
  }

  /** A file's first line without the byte order mark that some editors put in front of it. */
  public static String withoutMark(String line) {
    return line.startsWith("\uFEFF") ? line.substring(1) : line;
  }

  /**
   * Reads one JSON object.
   *
   * @param text the JSON, of a length that the caller has limited
   * @return the object
   * @throws JsonProcessingException for anything else
   */
  public static ObjectNode object(String text) throws JsonProcessingException {
    return asObject(MAPPER.readTree(text));
  }

  /**
   * Reads a file that holds one JSON object in UTF-8.
   *
   * @param file the file
   * @param maxBytes the longest file that is read
   * @return the object
   * @throws IOException for a file that is longer, is not there, or holds anything else
   */
  public static ObjectNode object(Path file, long maxBytes) throws IOException {
    long length = Files.size(file);
    if (length > maxBytes) {
      throw new IOException("expected at most " + maxBytes + " bytes, got " + length);
    }
    // A reader, as Jackson would take bytes for UTF-16 or UTF-32 if they look like it.
    try (Reader reader = Files.newBufferedReader(file)) {
      return asObject(MAPPER.readTree(reader));
    }
  }

  /**
   * What is wrong in a text of one line, and where, without a word of the text, which may be
   * private.
   *
   * @param e why the text could not be read
   * @return the reason
   */
  public static String reason(JsonProcessingException e) {
    if (e instanceof StreamConstraintsException || e.getLocation() == null) {
      return e.getOriginalMessage();
    }
    String expected =
        e.getOriginalMessage().startsWith("Duplicate field")
            ? "expected each name once, got one that occurs twice at column "
            : "expected one JSON object, got something else at column ";
    return expected + e.getLocation().getColumnNr();
  }

  private static ObjectNode asObject(JsonNode node) throws JsonProcessingException {
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new JsonMappingException(null, "expected one JSON object, got " + node.getNodeType());
  }
}
