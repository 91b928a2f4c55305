package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.transformer.DecoderConfig.Bias;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a model as its architecture's Hugging Face checkpoints name and lay them out.
 *
 * @param config of the model
 * @param base what stands in front of every name but the output's, such as {@code "model."}
 * @param layers from the first to the last
 */
record DecoderTensors(DecoderConfig config, String base, ImmutableList<Layer> layers) {

  static final String SCORE = "score.weight";

  /** How one product for queries, keys and values together lies. */
  enum Fusion {
    /** Three products. */
    NONE,
    /** All queries, then all keys, then all values. */
    BY_KIND,
    /** For each head its query, key and value. */
    BY_HEAD
  }

  /**
   * A norm's parameters.
   *
   * @param weight name of what rows are multiplied by
   * @param bias name of what is added; null for RMSNorm
   * @param size of a row
   */
  record Norm(String weight, @Nullable String bias, int size) {}

  /**
   * The parameters of one decoder layer.
   *
   * @param attentionNorm in front of attention
   * @param queryKeyValue three products, or one that gives all three
   * @param queryNorm of each head's query; null where there is none
   * @param keyNorm of each head's key; null where there is none
   * @param attentionOutput onto the residual stream
   * @param feedForwardNorm in front of the feed-forward layer
   * @param gate null where there is none
   * @param up into the inner width
   * @param down onto the residual stream
   */
  record Layer(
      Norm attentionNorm,
      ImmutableList<Linear> queryKeyValue,
      @Nullable Norm queryNorm,
      @Nullable Norm keyNorm,
      Linear attentionOutput,
      Norm feedForwardNorm,
      @Nullable Linear gate,
      Linear up,
      Linear down) {

    /** All products. */
    ImmutableList<Linear> linears() {
      ImmutableList.Builder<Linear> all = ImmutableList.builder();
      all.addAll(queryKeyValue).add(attentionOutput);
      if (gate != null) {
        all.add(gate);
      }
      return all.add(up, down).build();
    }

    /** All norms. */
    ImmutableList<Norm> norms() {
      return Stream.of(attentionNorm, queryNorm, keyNorm, feedForwardNorm)
          .filter(Objects::nonNull)
          .collect(ImmutableList.toImmutableList());
    }

    /** The names of all tensors. */
    ImmutableSet<String> names() {
      ImmutableSet.Builder<String> names = ImmutableSet.builder();
      for (Norm norm : norms()) {
        names.add(norm.weight());
        if (norm.bias() != null) {
          names.add(norm.bias());
        }
      }
      for (Linear linear : linears()) {
        String bias = linear.bias();
        names.add(linear.weight());
        if (bias != null) {
          names.add(bias);
        }
      }
      return names.build();
    }
  }

  /** The names as Hugging Face's language models have them. */
  static DecoderTensors of(DecoderConfig config) {
    return of(
        config,
        switch (config.architecture()) {
          case GPT2 -> "transformer.";
          case GPT_NEOX -> "gpt_neox.";
          case LLAMA, QWEN2, QWEN3 -> "model.";
        });
  }

  /** The names as they are in a checkpoint: GPT-2's own ones lack the part in front. */
  static DecoderTensors of(DecoderConfig config, Set<String> names) {
    boolean bare = config.architecture() == Architecture.GPT2 && names.contains("wte.weight");
    return bare ? of(config, "") : of(config);
  }

  private static DecoderTensors of(DecoderConfig config, String base) {
    return new DecoderTensors(
        config,
        base,
        IntStream.range(0, config.layers())
            .mapToObj(i -> layer(config, base, i))
            .collect(ImmutableList.toImmutableList()));
  }

  private static Layer layer(DecoderConfig config, String base, int index) {
    int hidden = config.hiddenSize();
    int queries = config.heads() * config.headSize();
    int keys = config.keyValueHeads() * config.headSize();
    int inner = config.intermediateSize();
    return switch (config.architecture()) {
      case GPT2 -> {
        Namer in = new Namer(config, base + "h." + index + ".", Linear.Order.INPUTS_FIRST);
        yield new Layer(
            in.norm("ln_1"),
            ImmutableList.of(in.linear("attn.c_attn", hidden, 3 * hidden, Bias.QUERY_KEY_VALUE)),
            null,
            null,
            in.linear("attn.c_proj", hidden, hidden, Bias.ATTENTION_OUTPUT),
            in.norm("ln_2"),
            null,
            in.linear("mlp.c_fc", hidden, inner, Bias.FEED_FORWARD),
            in.linear("mlp.c_proj", inner, hidden, Bias.FEED_FORWARD));
      }
      case GPT_NEOX -> {
        Namer in = new Namer(config, base + "layers." + index + ".", Linear.Order.OUTPUTS_FIRST);
        yield new Layer(
            in.norm("input_layernorm"),
            ImmutableList.of(
                in.linear("attention.query_key_value", hidden, 3 * hidden, Bias.QUERY_KEY_VALUE)),
            null,
            null,
            in.linear("attention.dense", hidden, hidden, Bias.ATTENTION_OUTPUT),
            in.norm("post_attention_layernorm"),
            null,
            in.linear("mlp.dense_h_to_4h", hidden, inner, Bias.FEED_FORWARD),
            in.linear("mlp.dense_4h_to_h", inner, hidden, Bias.FEED_FORWARD));
      }
      case LLAMA, QWEN2, QWEN3 -> {
        Namer in = new Namer(config, base + "layers." + index + ".", Linear.Order.OUTPUTS_FIRST);
        yield new Layer(
            in.norm("input_layernorm"),
            ImmutableList.of(
                in.linear("self_attn.q_proj", hidden, queries, Bias.QUERY_KEY_VALUE),
                in.linear("self_attn.k_proj", hidden, keys, Bias.QUERY_KEY_VALUE),
                in.linear("self_attn.v_proj", hidden, keys, Bias.QUERY_KEY_VALUE)),
            in.headNorm("self_attn.q_norm"),
            in.headNorm("self_attn.k_norm"),
            in.linear("self_attn.o_proj", queries, hidden, Bias.ATTENTION_OUTPUT),
            in.norm("post_attention_layernorm"),
            in.linear("mlp.gate_proj", hidden, inner, Bias.FEED_FORWARD),
            in.linear("mlp.up_proj", hidden, inner, Bias.FEED_FORWARD),
            in.linear("mlp.down_proj", inner, hidden, Bias.FEED_FORWARD));
      }
    };
  }

  /** Names of one layer. */
  private record Namer(DecoderConfig config, String prefix, Linear.Order order) {

    Norm norm(String name) {
      return new Norm(
          prefix + name + ".weight",
          config.architecture().hasLayerNorm() ? prefix + name + ".bias" : null,
          config.hiddenSize());
    }

    @Nullable Norm headNorm(String name) {
      return config.architecture().hasHeadNorms()
          ? new Norm(prefix + name + ".weight", null, config.headSize())
          : null;
    }

    Linear linear(String name, int inputs, int outputs, Bias bias) {
      return new Linear(prefix + name, inputs, outputs, order, config.biases().contains(bias));
    }
  }

  /** How queries, keys and values are computed. */
  Fusion fusion() {
    return switch (config.architecture()) {
      case GPT2 -> Fusion.BY_KIND;
      case GPT_NEOX -> Fusion.BY_HEAD;
      case LLAMA, QWEN2, QWEN3 -> Fusion.NONE;
    };
  }

  /** The matrix whose rows stand for tokens {@code [vocabulary, hidden]}. */
  String embedding() {
    return base
        + switch (config.architecture()) {
          case GPT2 -> "wte.weight";
          case GPT_NEOX -> "embed_in.weight";
          case LLAMA, QWEN2, QWEN3 -> "embed_tokens.weight";
        };
  }

  /** The matrix whose rows stand for positions {@code [positions, hidden]}; null if rotary. */
  @Nullable String positions() {
    return config.rotary().isPresent() ? null : base + "wpe.weight";
  }

  /** The last norm. */
  Norm finalNorm() {
    int size = config.hiddenSize();
    return switch (config.architecture()) {
      case GPT2 -> new Norm(base + "ln_f.weight", base + "ln_f.bias", size);
      case GPT_NEOX ->
          new Norm(base + "final_layer_norm.weight", base + "final_layer_norm.bias", size);
      case LLAMA, QWEN2, QWEN3 -> new Norm(base + "norm.weight", null, size);
    };
  }

  /** The matrix that turns hidden states into logits {@code [vocabulary, hidden]}. */
  String output() {
    return config.tiedEmbeddings() ? embedding() : untiedOutput();
  }

  private String untiedOutput() {
    return config.architecture() == Architecture.GPT_NEOX ? "embed_out.weight" : "lm_head.weight";
  }

  /** Shapes by name of a language model, in the order of its parameters. */
  ImmutableMap<String, ImmutableLongArray> languageModel() {
    ImmutableMap.Builder<String, ImmutableLongArray> shapes = backbone();
    if (!config.tiedEmbeddings()) {
      shapes.put(
          untiedOutput(), ImmutableLongArray.of(config.vocabularySize(), config.hiddenSize()));
    }
    return shapes.buildOrThrow();
  }

  /** Shapes by name of a reward model: one row in place of the output layer. */
  ImmutableMap<String, ImmutableLongArray> rewardModel() {
    return backbone().put(SCORE, headShape(config)).buildOrThrow();
  }

  /** Of {@link #SCORE}. */
  static ImmutableLongArray headShape(DecoderConfig config) {
    return ImmutableLongArray.of(1, config.hiddenSize());
  }

  /** Shapes by name of every parameter that a graph of such a model can ask for. */
  ImmutableMap<String, ImmutableLongArray> all() {
    return ImmutableMap.<String, ImmutableLongArray>builder()
        .putAll(languageModel())
        .put(SCORE, headShape(config))
        .buildOrThrow();
  }

  private ImmutableMap.Builder<String, ImmutableLongArray> backbone() {
    int hidden = config.hiddenSize();
    ImmutableMap.Builder<String, ImmutableLongArray> shapes = ImmutableMap.builder();
    shapes.put(embedding(), ImmutableLongArray.of(config.vocabularySize(), hidden));
    String positions = positions();
    if (positions != null) {
      shapes.put(positions, ImmutableLongArray.of(config.maxPositions(), hidden));
    }
    for (Layer layer : layers) {
      put(shapes, layer.attentionNorm());
      layer.queryKeyValue().forEach(linear -> put(shapes, linear));
      Stream.of(layer.queryNorm(), layer.keyNorm())
          .filter(Objects::nonNull)
          .forEach(norm -> put(shapes, norm));
      put(shapes, layer.attentionOutput());
      put(shapes, layer.feedForwardNorm());
      if (layer.gate() != null) {
        put(shapes, layer.gate());
      }
      put(shapes, layer.up());
      put(shapes, layer.down());
    }
    put(shapes, finalNorm());
    return shapes;
  }

  private static void put(ImmutableMap.Builder<String, ImmutableLongArray> shapes, Norm norm) {
    shapes.put(norm.weight(), ImmutableLongArray.of(norm.size()));
    if (norm.bias() != null) {
      shapes.put(norm.bias(), ImmutableLongArray.of(norm.size()));
    }
  }

  private static void put(ImmutableMap.Builder<String, ImmutableLongArray> shapes, Linear linear) {
    shapes.put(linear.weight(), linear.shape());
    if (linear.bias() != null) {
      shapes.put(linear.bias(), ImmutableLongArray.of(linear.outputs()));
    }
  }

  /**
   * Whether a tensor of a checkpoint holds nothing of its own: tables that old files store, and a
   * tied output layer stored twice.
   */
  boolean isDerived(String name) {
    return name.endsWith(".rotary_emb.inv_freq")
        || name.matches(".*\\.(attn|attention)\\.(masked_)?bias")
        || (config.tiedEmbeddings() && name.equals(untiedOutput()));
  }

  /** Whether random weights of a parameter are held back, as it adds to the residual stream. */
  boolean isOntoResidual(String name) {
    return layers.stream()
        .anyMatch(
            layer ->
                layer.attentionOutput().weight().equals(name)
                    || layer.down().weight().equals(name));
  }
}
