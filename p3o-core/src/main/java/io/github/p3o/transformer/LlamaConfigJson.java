package io.github.p3o.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.base.Ascii;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.function.Predicate;

/** {@link LlamaConfig} as Hugging Face's {@code config.json}. */
final class LlamaConfigJson {

  static final String FILE = "config.json";

  private static final long MAX_BYTES = 1 << 20;

  /** Characters of a value that a message shows. */
  private static final int MAX_SHOWN = 200;

  private final Path file;
  private final ObjectNode json;

  private LlamaConfigJson(Path file, ObjectNode json) {
    this.file = file;
    this.json = json;
  }

  static LlamaConfig read(Path file) {
    try {
      return new LlamaConfigJson(file, StrictJson.object(file, MAX_BYTES)).config();
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected a JSON object, got " + e, e);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
    }
  }

  static void write(LlamaConfig config, Path file) {
    write(json(config, "LlamaForCausalLM"), file);
  }

  /** Of a model with one number in place of logits. */
  static void writeRewardModel(LlamaConfig config, Path file) {
    ObjectNode json = json(config, "LlamaForSequenceClassification");
    // Hugging Face derives the number of labels from their names.
    json.putObject("id2label").put("0", "reward");
    json.putObject("label2id").put("reward", 0);
    write(json.put("num_labels", 1), file);
  }

  private static void write(ObjectNode json, Path file) {
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      AtomicFile.write(file, json.toPrettyString() + "\n");
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected to be writable, got " + e, e);
    }
  }

  /** The defaults are those of LlamaConfig in Hugging Face's transformers. */
  private LlamaConfig config() {
    refuseUnsupported();
    int heads = integer("num_attention_heads", 32);
    int hiddenSize = integer("hidden_size", 4096);
    LlamaConfig config =
        new LlamaConfig(
            integer("vocab_size", 32_000),
            hiddenSize,
            integer("intermediate_size", 11_008),
            integer("num_hidden_layers", 32),
            heads,
            json.path("num_key_value_heads").isNull()
                ? heads
                : integer("num_key_value_heads", heads),
            integer("max_position_embeddings", 2048),
            number(json, "rms_norm_eps", 1e-6),
            ropeTheta(),
            json.path("tie_word_embeddings").asBoolean(false),
            token("bos_token_id", 1),
            token("eos_token_id", 2));
    expect(
        "head_dim",
        "absent or hidden_size / num_attention_heads = " + config.headSize(),
        value -> value.isIntegralNumber() && value.asLong() == config.headSize());
    return config;
  }

  private void refuseUnsupported() {
    if (!json.path("model_type").asText().equals("llama")) {
      throw wrong("model_type", "\"llama\"", json.path("model_type"));
    }
    expect("hidden_act", "\"silu\"", value -> value.asText().equals("silu"));
    for (String bias : new String[] {"attention_bias", "mlp_bias"}) {
      expect(bias, "false, as biases are not supported", LlamaConfigJson::isFalse);
    }
    expect("tie_word_embeddings", "true or false", JsonNode::isBoolean);
    expect("attention_dropout", "0", value -> value.isNumber() && value.asDouble() == 0);
    expect("pretraining_tp", "1", value -> value.isNumber() && value.asDouble() == 1);
    expect("partial_rotary_factor", "1", value -> value.isNumber() && value.asDouble() == 1);
    for (String key : new String[] {"rope_scaling", "sliding_window", "quantization_config"}) {
      expect(key, "null or absent, as it is not supported", value -> false);
    }
    expect("use_sliding_window", "false", LlamaConfigJson::isFalse);
  }

  private static boolean isFalse(JsonNode value) {
    return value.isBoolean() && !value.asBoolean();
  }

  /** Newer files have it in {@code rope_parameters}, which can also ask for scaling. */
  private double ropeTheta() {
    double theta = number(json, "rope_theta", 10_000);
    JsonNode parameters = json.path("rope_parameters");
    if (parameters.isMissingNode() || parameters.isNull()) {
      return theta;
    }
    for (String key : (Iterable<String>) parameters::fieldNames) {
      boolean known =
          key.equals("rope_theta")
              || (key.equals("rope_type") && parameters.path(key).asText().equals("default"));
      if (!known) {
        throw wrong("rope_parameters", "rope_theta and rope_type \"default\"", parameters);
      }
    }
    return number(parameters, "rope_theta", theta);
  }

  /** Refuses a value that is there, is not null, and is not as it should be. */
  private void expect(String key, String expected, Predicate<JsonNode> rule) {
    JsonNode value = json.path(key);
    if (!value.isMissingNode() && !value.isNull() && !rule.test(value)) {
      throw wrong(key, expected, value);
    }
  }

  private int integer(String key, int absent) {
    JsonNode value = json.path(key);
    if (value.isMissingNode()) {
      return absent;
    }
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw wrong(key, "a whole number of at most 31 bits", value);
    }
    return value.intValue();
  }

  private double number(JsonNode object, String key, double absent) {
    JsonNode value = object.path(key);
    if (value.isMissingNode()) {
      return absent;
    }
    if (!value.isNumber()) {
      throw wrong(key, "a number", value);
    }
    return value.doubleValue();
  }

  private OptionalInt token(String key, int absent) {
    JsonNode value = json.path(key);
    if (value.isMissingNode()) {
      return OptionalInt.of(absent);
    }
    if (value.isNull()) {
      return OptionalInt.empty();
    }
    JsonNode one = value.isArray() && value.size() == 1 ? value.get(0) : value;
    if (!one.isIntegralNumber() || !one.canConvertToInt()) {
      throw wrong(key, "one id", value);
    }
    return OptionalInt.of(one.intValue());
  }

  private CheckpointException wrong(String key, String expected, JsonNode value) {
    return new CheckpointException(
        file, key + ": expected " + expected, value.isMissingNode() ? "nothing" : shortened(value));
  }

  private static String shortened(JsonNode value) {
    return Ascii.truncate(value.toString(), MAX_SHOWN, "…");
  }

  private static ObjectNode json(LlamaConfig config, String architecture) {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.putArray("architectures").add(architecture);
    json.put("model_type", "llama")
        .put("vocab_size", config.vocabularySize())
        .put("hidden_size", config.hiddenSize())
        .put("intermediate_size", config.intermediateSize())
        .put("num_hidden_layers", config.layers())
        .put("num_attention_heads", config.heads())
        .put("num_key_value_heads", config.keyValueHeads())
        .put("max_position_embeddings", config.maxPositions())
        .put("rms_norm_eps", config.rmsNormEpsilon())
        .put("rope_theta", config.ropeTheta())
        .put("hidden_act", "silu")
        .put("tie_word_embeddings", config.tiedEmbeddings())
        .put("attention_bias", false)
        .put("mlp_bias", false)
        .put("torch_dtype", "float32");
    putToken(json, "bos_token_id", config.beginToken());
    putToken(json, "eos_token_id", config.endToken());
    return json;
  }

  /** Null is written out, as an absent key stands for Hugging Face's default. */
  private static void putToken(ObjectNode json, String key, OptionalInt token) {
    if (token.isPresent()) {
      json.put(key, token.getAsInt());
    } else {
      json.putNull(key);
    }
  }
}
