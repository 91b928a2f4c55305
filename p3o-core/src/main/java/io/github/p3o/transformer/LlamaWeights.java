package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Parameters;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.BiFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The names and shapes of a model's parameters as in Hugging Face checkpoints, and their origin.
 */
final class LlamaWeights {

  static final String EMBEDDING = "model.embed_tokens.weight";
  static final String FINAL_NORM = "model.norm.weight";
  static final String OUTPUT = "lm_head.weight";
  static final String SCORE = "score.weight";

  static final String ATTENTION_NORM = "input_layernorm.weight";
  static final String QUERY = "self_attn.q_proj.weight";
  static final String KEY = "self_attn.k_proj.weight";
  static final String VALUE = "self_attn.v_proj.weight";
  static final String ATTENTION_OUTPUT = "self_attn.o_proj.weight";
  static final String FEED_FORWARD_NORM = "post_attention_layernorm.weight";
  static final String GATE = "mlp.gate_proj.weight";
  static final String UP = "mlp.up_proj.weight";
  static final String DOWN = "mlp.down_proj.weight";

  /** GPT-2's and LLaMA's own; a residual stream that grows with depth is held back by 1/√(2L). */
  private static final double INITIAL_DEVIATION = 0.02;

  private LlamaWeights() {}

  /** The name of a layer's parameter. */
  static String inLayer(int layer, String name) {
    return "model.layers." + layer + "." + name;
  }

  /** The matrix that turns hidden states into logits {@code [vocabulary, hidden]}. */
  static String output(LlamaConfig config) {
    return config.tiedEmbeddings() ? EMBEDDING : OUTPUT;
  }

  /** Shapes by name of a language model, in the order of {@link Parameters}. */
  static ImmutableMap<String, ImmutableLongArray> languageModel(LlamaConfig config) {
    ImmutableMap.Builder<String, ImmutableLongArray> shapes = backbone(config);
    if (!config.tiedEmbeddings()) {
      shapes.put(OUTPUT, ImmutableLongArray.of(config.vocabularySize(), config.hiddenSize()));
    }
    return shapes.buildOrThrow();
  }

  /** Shapes by name of a reward model: one row in place of the output layer. */
  static ImmutableMap<String, ImmutableLongArray> rewardModel(LlamaConfig config) {
    return backbone(config)
        .put(SCORE, ImmutableLongArray.of(1, config.hiddenSize()))
        .buildOrThrow();
  }

  /** Shapes by name of every parameter that a graph of such a model can ask for. */
  static ImmutableMap<String, ImmutableLongArray> all(LlamaConfig config) {
    return ImmutableMap.<String, ImmutableLongArray>builder()
        .putAll(languageModel(config))
        .put(SCORE, ImmutableLongArray.of(1, config.hiddenSize()))
        .buildOrThrow();
  }

  private static ImmutableMap.Builder<String, ImmutableLongArray> backbone(LlamaConfig config) {
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    int keys = config.keyValueHeads() * config.headSize();
    ImmutableMap.Builder<String, ImmutableLongArray> shapes = ImmutableMap.builder();
    shapes.put(EMBEDDING, ImmutableLongArray.of(config.vocabularySize(), hidden));
    for (int i = 0; i < config.layers(); i++) {
      shapes.put(inLayer(i, ATTENTION_NORM), ImmutableLongArray.of(hidden));
      shapes.put(inLayer(i, QUERY), ImmutableLongArray.of(hidden, hidden));
      shapes.put(inLayer(i, KEY), ImmutableLongArray.of(keys, hidden));
      shapes.put(inLayer(i, VALUE), ImmutableLongArray.of(keys, hidden));
      shapes.put(inLayer(i, ATTENTION_OUTPUT), ImmutableLongArray.of(hidden, hidden));
      shapes.put(inLayer(i, FEED_FORWARD_NORM), ImmutableLongArray.of(hidden));
      shapes.put(inLayer(i, GATE), ImmutableLongArray.of(inner, hidden));
      shapes.put(inLayer(i, UP), ImmutableLongArray.of(inner, hidden));
      shapes.put(inLayer(i, DOWN), ImmutableLongArray.of(hidden, inner));
    }
    return shapes.put(FINAL_NORM, ImmutableLongArray.of(hidden));
  }

  /** Normal weights, norms of 1. The same seed gives the same weights. */
  static Parameters random(
      LlamaConfig config, Map<String, ImmutableLongArray> shapes, DataType type, long seed) {
    checkType(type);
    Random random = new Random(seed); // its normal distribution is the same on every JDK
    double residual = INITIAL_DEVIATION / Math.sqrt(2.0 * config.layers());
    return collect(
        shapes,
        (name, shape) -> {
          boolean ontoResidual = name.endsWith(ATTENTION_OUTPUT) || name.endsWith(DOWN);
          double deviation = ontoResidual ? residual : INITIAL_DEVIATION;
          double[] values = new double[Math.toIntExact(length(shape))];
          for (int i = 0; i < values.length; i++) {
            values[i] = shape.length() == 1 ? 1 : deviation * random.nextGaussian();
          }
          return NativeArrays.of(type, values, shape.toArray());
        });
  }

  private static void checkType(DataType type) {
    checkArgument(
        type == DataType.FLOAT || type == DataType.DOUBLE,
        "type: expected FLOAT or DOUBLE, got %s",
        type);
  }

  private static long length(ImmutableLongArray shape) {
    return shape.stream().reduce(1, Math::multiplyExact);
  }

  /**
   * Reads a checkpoint.
   *
   * @throws CheckpointException if a tensor is missing, has another shape, or is not known: a model
   *     that has more than this one would not be the same model without it
   */
  static Parameters read(
      Path directory,
      LlamaConfig config,
      ImmutableMap<String, ImmutableLongArray> shapes,
      DataType type) {
    checkType(type);
    try (TensorSource source = TensorSource.open(directory)) {
      refuseUnknown(directory, config, Sets.difference(source.names(), shapes.keySet()));
      return collect(
          shapes,
          (name, shape) -> {
            if (!source.shape(name).equals(shape)) {
              throw new CheckpointException(
                  directory, name + ".shape: expected " + shape, source.shape(name));
            }
            return source.read(name, type);
          });
    }
  }

  private static void refuseUnknown(Path directory, LlamaConfig config, Set<String> unknown) {
    for (String name : unknown) {
      // Tables that old files store, and a tied output layer stored twice: both are computed here.
      boolean derived =
          name.endsWith(".rotary_emb.inv_freq") || (config.tiedEmbeddings() && name.equals(OUTPUT));
      if (!derived) {
        throw new CheckpointException(directory, "tensors: expected those of a LLaMA model", name);
      }
    }
  }

  private static Parameters collect(
      Map<String, ImmutableLongArray> shapes,
      BiFunction<String, ImmutableLongArray, INDArray> origin) {
    Map<String, INDArray> arrays = new LinkedHashMap<>();
    try {
      shapes.forEach((name, shape) -> arrays.put(name, origin.apply(name, shape)));
      return Parameters.copyOf(arrays);
    } finally {
      arrays.values().forEach(INDArray::close);
    }
  }

  /** Writes {@code model.safetensors}. */
  static void write(Path directory, Map<String, INDArray> parameters) {
    SafeTensorsWriter.write(
        directory.resolve(TensorSource.SINGLE_FILE), parameters, ImmutableMap.of("format", "pt"));
  }
}
