package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

/**
 * What the files of a Hugging Face checkpoint say of its vocabulary.
 *
 * @param vocabularySize one more than the greatest id
 * @param beginToken id of the token that begins a sequence
 * @param endToken id of the token that ends one
 */
record TokenizerFiles(int vocabularySize, OptionalInt beginToken, OptionalInt endToken) {

  static final String TOKENIZER = "tokenizer.json";
  static final String TOKENIZER_CONFIG = "tokenizer_config.json";
  private static final String MODEL_CONFIG = "config.json";

  /** What belongs to a tokenizer in a Hugging Face directory. */
  private static final ImmutableList<String> ALL =
      ImmutableList.of(
          TOKENIZER,
          TOKENIZER_CONFIG,
          "special_tokens_map.json",
          "chat_template.jinja",
          "generation_config.json");

  /** About 7 times the largest that are in use (256,000 tokens). */
  private static final long MAX_TOKENIZER_BYTES = 256L << 20;

  private static final long MAX_CONFIG_BYTES = 16L << 20;

  static TokenizerFiles read(Path directory) {
    Path file = directory.resolve(TOKENIZER);
    Map<String, Integer> ids = ids(file, object(file, MAX_TOKENIZER_BYTES));
    int greatest = ids.values().stream().mapToInt(Integer::intValue).max().orElse(-1);
    checkArgument(
        greatest >= 0 && greatest < Integer.MAX_VALUE,
        "%s: expected a vocabulary with ids below 2^31 − 1, got %s as the greatest",
        file,
        greatest);
    return new TokenizerFiles(
        greatest + 1,
        special(directory, "bos_token", ids, greatest + 1),
        special(directory, "eos_token", ids, greatest + 1));
  }

  static void copy(Path from, Path to) {
    try {
      Files.createDirectories(to);
      for (String name : ALL) {
        Path file = from.resolve(name);
        if (Files.exists(file) && !Files.isSameFile(from, to)) {
          Files.copy(file, to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          to + ": expected to be writable, with files of " + from + ", got " + e, e);
    }
  }

  private static ObjectNode object(Path file, long maxBytes) {
    try {
      return StrictJson.object(file, maxBytes);
    } catch (IOException e) {
      String hint = "; that of the model that this one was made from can be copied to it";
      throw new UncheckedIOException(
          file
              + ": expected a JSON object, got "
              + e
              + (file.endsWith(TOKENIZER) && e instanceof NoSuchFileException ? hint : ""),
          e);
    }
  }

  private static ObjectNode objectIfThere(Path file) {
    return Files.exists(file)
        ? object(file, MAX_CONFIG_BYTES)
        : JsonNodeFactory.instance.objectNode();
  }

  private static Map<String, Integer> ids(Path file, ObjectNode json) {
    Map<String, Integer> ids = new HashMap<>();
    JsonNode vocabulary = json.path("model").path("vocab");
    for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
      ids.put(entry.getKey(), id(file, entry.getKey(), entry.getValue()));
    }
    if (vocabulary.isArray()) { // Unigram: [token, score], the place is the id
      for (int id = 0; id < vocabulary.size(); id++) {
        ids.put(vocabulary.get(id).path(0).asText(), id);
      }
    }
    for (JsonNode added : json.path("added_tokens")) {
      String token = added.path("content").asText();
      ids.put(token, id(file, token, added.path("id")));
    }
    return ids;
  }

  private static int id(Path file, String token, JsonNode id) {
    checkArgument(
        id.isIntegralNumber() && id.canConvertToInt() && id.intValue() >= 0,
        "%s: expected an id ≥ 0 for token %s, got %s",
        file,
        token,
        id);
    return id.intValue();
  }

  /** By its name in the tokenizer's configuration, else by its id in the model's. */
  private static OptionalInt special(
      Path directory, String key, Map<String, Integer> ids, int vocabularySize) {
    Path file = directory.resolve(TOKENIZER_CONFIG);
    String name = name(objectIfThere(file).path(key));
    if (!name.isEmpty()) {
      Integer id = ids.get(name);
      checkArgument(
          id != null, "%s: %s: expected a token of the vocabulary, got %s", file, key, name);
      return OptionalInt.of(id);
    }
    return modelToken(directory.resolve(MODEL_CONFIG), key + "_id", vocabularySize);
  }

  /** Of a token, by itself or as an object; empty if there is none. */
  static String name(JsonNode token) {
    return token.isNull() ? "" : token.path("content").asText(token.asText());
  }

  private static OptionalInt modelToken(Path file, String key, int vocabularySize) {
    JsonNode value = objectIfThere(file).path(key);
    if (value.isMissingNode() || value.isNull()) {
      return OptionalInt.empty();
    }
    JsonNode one = value.isArray() && value.size() == 1 ? value.get(0) : value;
    checkArgument(
        one.isIntegralNumber() && one.asLong() >= 0 && one.asLong() < vocabularySize,
        "%s: %s: expected one id in [0, %s), got %s",
        file,
        key,
        vocabularySize,
        value);
    return OptionalInt.of(one.intValue());
  }
}
