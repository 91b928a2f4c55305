package io.github.p3o.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.StrictJson;
import io.github.p3o.transformer.DecoderConfig.Activation;
import io.github.p3o.transformer.DecoderConfig.Bias;
import io.github.p3o.transformer.DecoderConfig.Residual;
import io.github.p3o.transformer.DecoderConfig.Rotary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** {@link DecoderConfig} as Hugging Face's {@code config.json}. */
final class DecoderConfigJson {

  static final String FILE = "config.json";

  private static final long MAX_BYTES = 1 << 20;

  /** Names of the same function: the tanh form goes by several. */
  private static final ImmutableMap<String, Activation> ACTIVATIONS =
      ImmutableMap.of(
          "silu", Activation.SILU,
          "gelu", Activation.GELU,
          "gelu_new", Activation.GELU_TANH,
          "gelu_fast", Activation.GELU_TANH,
          "gelu_pytorch_tanh", Activation.GELU_TANH);

  private static final String FACTOR = "factor";
  private static final String LOW = "low_freq_factor";
  private static final String HIGH = "high_freq_factor";
  private static final String ORIGINAL = "original_max_position_embeddings";

  /** The keys of each type of scaled rotary positions. */
  private static final ImmutableMap<String, ImmutableSet<String>> SCALINGS =
      ImmutableMap.of(
          "default", ImmutableSet.of(),
          "linear", ImmutableSet.of(FACTOR),
          "llama3", ImmutableSet.of(FACTOR, LOW, HIGH, ORIGINAL));

  /** The names of the type. */
  private static final ImmutableSet<String> TYPE = ImmutableSet.of("rope_type", "type");

  /** What {@code rope_parameters} says beside the scaling. */
  private static final ImmutableSet<String> UNSCALED =
      ImmutableSet.of("rope_theta", "partial_rotary_factor");

  private final Path file;
  private final ObjectNode json;
  private final Architecture architecture;
  private final ConfigKeys keys;

  /** End tokens of {@code generation_config.json}, null if it names none. */
  private final @Nullable ImmutableIntArray generation;

  private DecoderConfigJson(Path file, ObjectNode json, @Nullable ImmutableIntArray generation) {
    this.file = file;
    this.json = json;
    this.generation = generation;
    JsonNode type = json.path("model_type");
    Architecture named = type.isTextual() ? Architecture.ofModelType(type.asText()) : null;
    if (named == null) {
      throw wrong("model_type", "one of " + Architecture.modelTypes(), type);
    }
    this.architecture = named;
    this.keys = ConfigKeys.of(named);
  }

  static DecoderConfig read(Path directory) {
    ImmutableIntArray generation = GenerationConfig.endTokens(directory);
    Path file = directory.resolve(FILE);
    if (!Files.exists(file)) {
      throw CheckpointException.ofMissing(
          directory, "that of a Hugging Face checkpoint, config.json and safetensors", FILE);
    }
    try {
      return new DecoderConfigJson(file, StrictJson.object(file, MAX_BYTES), generation).config();
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected a JSON object, got " + e, e);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
    }
  }

  static void write(DecoderConfig config, TensorType type, Path directory) {
    write(json(config, type, config.architecture().languageModel()), directory.resolve(FILE));
    GenerationConfig.setEndTokens(directory, config.endTokens());
  }

  /** Of a model with one number in place of logits. */
  static void writeRewardModel(DecoderConfig config, TensorType type, Path directory) {
    ObjectNode json = json(config, type, config.architecture().classifier());
    // Hugging Face derives the number of labels from their names.
    json.putObject("id2label").put("0", "reward");
    json.putObject("label2id").put("reward", 0);
    write(json.put("num_labels", 1), directory.resolve(FILE));
    GenerationConfig.setEndTokens(directory, config.endTokens());
  }

  private static void write(ObjectNode json, Path file) {
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      AtomicFile.write(file, json.toPrettyString() + "\n");
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected to be writable, got " + e, e);
    }
  }

  private DecoderConfig config() {
    refuseUnknown();
    refuseUnsupported();
    int hiddenSize = size(0);
    int heads = size(3);
    int headSize = headSize(hiddenSize / Math.max(1, heads));
    JsonNode inner = json.path(keys.sizes().get(1));
    boolean fourfold =
        architecture == Architecture.GPT2 && (inner.isMissingNode() || inner.isNull());
    boolean grouped = architecture.isGated() && !json.path("num_key_value_heads").isNull();
    return new DecoderConfig(
        architecture,
        integer("vocab_size", keys.vocabulary()),
        hiddenSize,
        fourfold ? Math.multiplyExact(4, hiddenSize) : size(1),
        size(2),
        heads,
        grouped ? integer("num_key_value_heads", heads) : heads,
        headSize,
        size(4),
        number(json, keys.epsilon(), keys.defaultEpsilon()),
        rotary(headSize),
        activation(),
        residual(),
        biases(),
        json.path("tie_word_embeddings").asBoolean(keys.tied()),
        beginToken(),
        generation == null ? endTokens() : generation);
  }

  private int headSize(int usual) {
    boolean own = !json.path("head_dim").isMissingNode() && !json.path("head_dim").isNull();
    if (own && architecture.isGated()) {
      return integer(json, "head_dim");
    }
    expect(
        "head_dim",
        "absent or hidden size / heads = " + usual,
        value -> value.isIntegralNumber() && value.asLong() == usual);
    return keys.headSize() == 0 ? usual : keys.headSize();
  }

  private int size(int index) {
    return integer(keys.sizes().get(index), keys.defaultSizes().get(index));
  }

  private void refuseUnknown() {
    for (String key : (Iterable<String>) json::fieldNames) {
      if (!keys.isKnown(key)) {
        throw wrong(key, "no such key for " + architecture.modelType(), json.path(key));
      }
    }
  }

  private void refuseUnsupported() {
    for (String flag : List.of("tie_word_embeddings", "attention_bias", "mlp_bias")) {
      expect(flag, "true or false", JsonNode::isBoolean);
    }
    expect("use_parallel_residual", "true or false", JsonNode::isBoolean);
    expect("pretraining_tp", "1", value -> value.isNumber() && value.asDouble() == 1);
    expect("quantization_config", "null or absent, as it is not supported", value -> false);
    expect("cross_attention_hidden_size", "null or absent, as it is not supported", v -> false);
    // Qwen2 and Qwen3 name a window that they do not use, unless told to.
    boolean off =
        keys.more().contains("max_window_layers") || json.path("use_sliding_window").isBoolean();
    expect("sliding_window", "null or absent, as it is not supported", value -> off);
    for (String flag :
        List.of(
            "use_sliding_window",
            "use_mrope",
            "rope_interleaved",
            "is_encoder_decoder",
            "add_cross_attention",
            "scale_attn_by_inverse_layer_idx")) {
      expect(flag, "false", value -> value.isBoolean() && !value.asBoolean());
    }
    expect("scale_attn_weights", "true", value -> value.isBoolean() && value.asBoolean());
    expect("pruned_heads", "none", JsonNode::isEmpty);
    expect("layer_types", "full_attention for each", DecoderConfigJson::isFullAttention);
    int positions = integer(keys.sizes().get(4), keys.defaultSizes().get(4));
    expect(
        "n_ctx",
        "n_positions = " + positions,
        value -> value.isInt() && value.asInt() == positions);
  }

  private static boolean isFullAttention(JsonNode types) {
    return types.isArray()
        && IntStream.range(0, types.size())
            .allMatch(i -> types.get(i).asText().equals("full_attention"));
  }

  private Activation activation() {
    JsonNode value = json.path(keys.activation());
    String name = value.isMissingNode() ? keys.defaultActivation() : value.asText();
    Activation activation = ACTIVATIONS.get(name);
    if (activation == null || (activation == Activation.SILU) != architecture.isGated()) {
      String known = architecture.isGated() ? "\"silu\"" : "\"gelu\" or \"gelu_new\"";
      throw wrong(keys.activation(), known, value);
    }
    return activation;
  }

  private Residual residual() {
    boolean parallel =
        architecture == Architecture.GPT_NEOX && json.path("use_parallel_residual").asBoolean(true);
    return parallel ? Residual.PARALLEL : Residual.SEQUENTIAL;
  }

  private ImmutableSet<Bias> biases() {
    ImmutableSet.Builder<Bias> biases = ImmutableSet.builder();
    boolean attention =
        architecture == Architecture.GPT2
            || json.path("attention_bias").asBoolean(architecture == Architecture.GPT_NEOX);
    if (attention || architecture == Architecture.QWEN2) {
      biases.add(Bias.QUERY_KEY_VALUE);
    }
    if (attention) {
      biases.add(Bias.ATTENTION_OUTPUT);
    }
    if (architecture.hasLayerNorm() || json.path("mlp_bias").asBoolean(false)) {
      biases.add(Bias.FEED_FORWARD);
    }
    return biases.build();
  }

  /** Newer files have it all in {@code rope_parameters}, which can also ask for scaling. */
  private Optional<Rotary> rotary(int headSize) {
    if (architecture == Architecture.GPT2) {
      return Optional.empty();
    }
    double theta = number(json, "rope_theta", number(json, "rotary_emb_base", 10_000));
    boolean partial = architecture == Architecture.GPT_NEOX;
    double part =
        number(json, "partial_rotary_factor", partial ? number(json, "rotary_pct", 0.25) : 1.0);
    RotaryScaling scaling = scaling("rope_scaling", json.path("rope_scaling"), ImmutableSet.of());
    JsonNode parameters = json.path("rope_parameters");
    if (!parameters.isMissingNode() && !parameters.isNull()) {
      theta = number(parameters, "rope_theta", theta);
      part = number(parameters, "partial_rotary_factor", part);
      scaling = scaling("rope_parameters", parameters, UNSCALED);
    }
    if (!partial && part != 1) {
      throw new CheckpointException(file, "partial_rotary_factor: expected 1", part);
    }
    // Rounded down as Hugging Face does, but for what division lost when the share was written.
    return Optional.of(new Rotary((int) (headSize * part + 1e-9), theta, scaling));
  }

  /**
   * How wavelengths are scaled.
   *
   * @param key of the object, whose type goes by two names
   * @param more keys that it may have beside those of scaling
   */
  private RotaryScaling scaling(String key, JsonNode object, ImmutableSet<String> more) {
    if (object.isMissingNode() || object.isNull()) {
      return RotaryScaling.NONE;
    }
    JsonNode type = object.has("rope_type") ? object.path("rope_type") : object.path("type");
    ImmutableSet<String> known = SCALINGS.get(type.asText(more.isEmpty() ? "" : "default"));
    if (known == null
        || !known.stream().allMatch(object::hasNonNull)
        || !Sets.union(known, Sets.union(more, TYPE))
            .containsAll(ImmutableSet.copyOf(object.fieldNames()))) {
      throw wrong(key, "of type default, linear or llama3, with the keys of that", object);
    }
    if (known.isEmpty()) {
      return RotaryScaling.NONE;
    }
    try {
      double factor = number(object, FACTOR, 1);
      return known.size() == 1
          ? new RotaryScaling.Linear(factor)
          : new RotaryScaling.Llama3(
              factor, number(object, LOW, 1), number(object, HIGH, 1), integer(object, ORIGINAL));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file, key + ": " + e.getMessage(), e);
    }
  }

  /** Refuses a value that is there, is not null, and is not as it should be. */
  private void expect(String key, String expected, Predicate<JsonNode> rule) {
    JsonNode value = json.path(key);
    if (!value.isMissingNode() && !value.isNull() && !rule.test(value)) {
      throw wrong(key, expected, value);
    }
  }

  private int integer(String key, int absent) {
    return json.path(key).isMissingNode() ? absent : integer(json, key);
  }

  private int integer(JsonNode object, String key) {
    JsonNode value = object.path(key);
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

  private OptionalInt beginToken() {
    JsonNode value = json.path("bos_token_id");
    if (value.isMissingNode() && keys.begin() >= 0) {
      return OptionalInt.of(keys.begin());
    }
    ImmutableIntArray ids = TokenIdsJson.read(file, "bos_token_id", value);
    if (ids.length() > 1) {
      throw wrong("bos_token_id", "one id", value);
    }
    return ids.isEmpty() ? OptionalInt.empty() : OptionalInt.of(ids.get(0));
  }

  private ImmutableIntArray endTokens() {
    JsonNode value = json.path("eos_token_id");
    return value.isMissingNode() && keys.end() >= 0
        ? ImmutableIntArray.of(keys.end())
        : TokenIdsJson.read(file, "eos_token_id", value);
  }

  private CheckpointException wrong(String key, String expected, JsonNode value) {
    return CheckpointException.of(file, key, expected, value);
  }

  private static ObjectNode json(DecoderConfig config, TensorType type, String modelClass) {
    ConfigKeys keys = ConfigKeys.of(config.architecture());
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.putArray("architectures").add(modelClass);
    json.put("model_type", config.architecture().modelType())
        .put("vocab_size", config.vocabularySize())
        .put(keys.sizes().get(0), config.hiddenSize())
        .put(keys.sizes().get(1), config.intermediateSize())
        .put(keys.sizes().get(2), config.layers())
        .put(keys.sizes().get(3), config.heads());
    if (config.architecture().isGated()) {
      json.put("num_key_value_heads", config.keyValueHeads());
    }
    json.put(keys.sizes().get(4), config.maxPositions())
        .put(keys.epsilon(), config.normEpsilon())
        .put(keys.activation(), ConfigKeys.nameOf(config.activation()))
        .put("tie_word_embeddings", config.tiedEmbeddings());
    if (config.architecture() == Architecture.QWEN3
        || config.headSize() * config.heads() != config.hiddenSize()) {
      json.put("head_dim", config.headSize());
    }
    config.rotary().ifPresent(rotary -> putRotary(json, config, rotary));
    putParts(json, config);
    json.put("torch_dtype", type.torchName());
    json.set("bos_token_id", TokenIdsJson.of(config.beginToken().stream().toArray()));
    json.set("eos_token_id", TokenIdsJson.of(config.endTokens().toArray()));
    return json;
  }

  private static void putRotary(ObjectNode json, DecoderConfig config, Rotary rotary) {
    if (config.architecture() == Architecture.GPT_NEOX) {
      json.put("rotary_pct", (double) rotary.size() / config.headSize())
          .put("rotary_emb_base", rotary.theta());
    } else {
      json.put("rope_theta", rotary.theta());
    }
    if (rotary.scaling() instanceof RotaryScaling.Llama3 llama) {
      json.putObject("rope_scaling")
          .put("rope_type", "llama3")
          .put(FACTOR, llama.factor())
          .put(LOW, llama.lowFrequencyFactor())
          .put(HIGH, llama.highFrequencyFactor())
          .put(ORIGINAL, llama.originalPositions());
    } else if (rotary.scaling() instanceof RotaryScaling.Linear linear && linear.factor() != 1) {
      json.putObject("rope_scaling").put("rope_type", "linear").put(FACTOR, linear.factor());
    }
  }

  private static void putParts(ObjectNode json, DecoderConfig config) {
    boolean attentionBias = config.biases().contains(Bias.ATTENTION_OUTPUT);
    switch (config.architecture()) {
      case LLAMA ->
          json.put("attention_bias", attentionBias)
              .put("mlp_bias", config.biases().contains(Bias.FEED_FORWARD));
      case GPT_NEOX ->
          json.put("attention_bias", attentionBias)
              .put("use_parallel_residual", config.residual() == Residual.PARALLEL);
      case QWEN2 -> json.put("use_sliding_window", false);
      case QWEN3 -> json.put("attention_bias", attentionBias).put("use_sliding_window", false);
      case GPT2 -> json.put("n_ctx", config.maxPositions());
    }
  }
}
