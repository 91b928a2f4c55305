package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.Attention;
import io.github.p3o.internal.Ops;
import io.github.p3o.transformer.DecoderConfig.Activation;
import io.github.p3o.transformer.DecoderConfig.Residual;
import io.github.p3o.transformer.DecoderTensors.Fusion;
import io.github.p3o.transformer.DecoderTensors.Layer;
import io.github.p3o.transformer.DecoderTensors.Norm;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.NameScope;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * The decoder as a graph, for sequences that begin in column 0 and are padded behind: a causal mask
 * is then all the mask that is needed. Notation: B sequences, T tokens, D hidden size, H query
 * heads of d elements in groups of G that share one of the K key and value heads.
 *
 * <p>Broadcasts are of one row or one column over a matrix, and reshapes never move an element, as
 * both are what ND4J does fast.
 */
final class DecoderGraph {

  /** Name scope of a layer: without one, SameDiff looks for a free name among all ops. */
  private static final String LAYER = "p3o/layer";

  private final SameDiff graph;
  private final DecoderModel model;
  private final DecoderConfig config;
  private final ImmutableMap<String, ImmutableLongArray> shapes;
  private final int sequences;
  private final int tokens;
  private final DecoderInputs.@Nullable Turns turns;
  private final SDVariable causalMask;
  private final Map<String, SDVariable> parameters = new HashMap<>();
  private final List<SDVariable> keys = new ArrayList<>();
  private final List<SDVariable> values = new ArrayList<>();

  DecoderGraph(SameDiff graph, DecoderModel model, int sequences, int tokens) {
    this.graph = graph;
    this.model = model;
    this.config = model.config();
    ImmutableMap.Builder<String, ImmutableLongArray> all = ImmutableMap.builder();
    all.putAll(model.tensors().all());
    if (model.lora() != null) {
      all.putAll(Adapter.shapes(model.tensors(), model.lora()));
    }
    this.shapes = all.buildOrThrow();
    this.sequences = sequences;
    this.tokens = tokens;
    RotaryTables rotary = model.rotary();
    this.turns = rotary == null ? null : DecoderInputs.turns(graph, model, rotary, tokens);
    this.causalMask = DecoderInputs.causalMask(graph, model.type(), tokens);
  }

  /** The graph that the layers are added to. */
  SameDiff graph() {
    return graph;
  }

  /** A parameter, read from the placeholder of its name. */
  SDVariable parameter(String name) {
    return parameters.computeIfAbsent(
        name,
        n -> {
          ImmutableLongArray shape = shapes.get(n);
          if (shape == null) {
            throw new IllegalArgumentException("name: expected one of " + shapes.keySet());
          }
          return graph.placeHolder(n, model.type(), shape.toArray());
        });
  }

  /**
   * The last hidden state at some positions, normalised.
   *
   * @param positions rows {@code [positions]} of {@code [B·T]}
   * @return {@code [positions, D]}
   */
  SDVariable hidden(SDVariable positions) {
    SDVariable x = input();
    for (Layer layer : model.tensors().layers()) {
      parametersOf(layer).forEach(this::parameter); // outside the scope, which changes names
      NameScope scope = graph.withNameScope(LAYER + keys.size());
      try {
        x = block(x, layer);
      } finally {
        scope.close();
      }
    }
    return normalised(Ops.rows(x, positions), model.tensors().finalNorm());
  }

  private List<String> parametersOf(Layer layer) {
    List<String> names = new ArrayList<>(layer.names());
    Adapter adapter = model.adapter();
    if (adapter != null) {
      layer.linears().stream()
          .filter(adapter::adapts)
          .forEach(linear -> Collections.addAll(names, Adapter.down(linear), Adapter.up(linear)));
    }
    return names;
  }

  /** The embedding of each token, and of its position {@code [B·T, D]}. */
  private SDVariable input() {
    SDVariable ids =
        graph.placeHolder(DecoderInputs.IDS, DataType.INT32, (long) sequences * tokens);
    SDVariable x = Ops.rows(parameter(model.tensors().embedding()), ids);
    String positions = model.tensors().positions();
    if (positions == null) {
      return x;
    }
    long width = (long) tokens * config.hiddenSize();
    SDVariable ofColumns = Ops.rows(parameter(positions), DecoderInputs.columns(graph, tokens));
    SDVariable sum = Ops.add(Ops.reshape(x, sequences, width), Ops.reshape(ofColumns, width));
    return Ops.reshape(sum, (long) sequences * tokens, config.hiddenSize());
  }

  /** One decoder layer, {@code [B·T, D]} to {@code [B·T, D]}. */
  private SDVariable block(SDVariable x, Layer layer) {
    SDVariable attended = attention(normalised(x, layer.attentionNorm()), layer);
    SDVariable y = Ops.add(x, project(attended, layer.attentionOutput()));
    SDVariable read = config.residual() == Residual.PARALLEL ? x : y;
    return Ops.add(y, feedForward(normalised(read, layer.feedForwardNorm()), layer));
  }

  private SDVariable feedForward(SDVariable m, Layer layer) {
    SDVariable up = project(m, layer.up());
    SDVariable inner =
        layer.gate() == null
            ? activated(up)
            : Ops.multiply(activated(project(m, layer.gate())), up);
    return project(inner, layer.down());
  }

  private SDVariable activated(SDVariable x) {
    Activation activation = config.activation();
    return switch (activation) {
      case SILU -> Ops.multiply(x, Ops.sigmoid(x));
      case GELU -> Ops.gelu(x);
      case GELU_TANH -> Ops.geluTanh(x);
    };
  }

  /** {@code x Wᵀ + b}, and what an adapter adds. */
  private SDVariable project(SDVariable x, Linear linear) {
    SDVariable weight = parameter(linear.weight());
    SDVariable y =
        linear.order() == Linear.Order.OUTPUTS_FIRST
            ? Ops.matmulTransposed(x, weight)
            : Ops.matmul(x, weight);
    Adapter adapter = model.adapter();
    if (adapter != null && adapter.adapts(linear)) {
      SDVariable low = Ops.matmulTransposed(x, parameter(Adapter.down(linear)));
      SDVariable scaled = Ops.multiply(low, adapter.config().scale());
      y = Ops.add(y, Ops.matmulTransposed(scaled, parameter(Adapter.up(linear))));
    }
    String bias = linear.bias();
    return bias == null ? y : Ops.add(y, parameter(bias));
  }

  /** Each row, of mean square 1 and, in LayerNorm, of mean 0; then weighed and shifted. */
  private SDVariable normalised(SDVariable x, Norm norm) {
    boolean centred = config.architecture().hasLayerNorm();
    SDVariable c = centred ? Ops.subtract(x, Ops.meanKeeping(x, 1)) : x;
    SDVariable square = Ops.meanKeeping(Ops.multiply(c, c), 1);
    SDVariable scale = Ops.reciprocal(Ops.sqrt(Ops.add(square, config.normEpsilon())));
    SDVariable y = Ops.multiply(Ops.multiply(c, scale), parameter(norm.weight()));
    return norm.bias() == null ? y : Ops.add(y, parameter(norm.bias()));
  }

  /** Causal attention, {@code [B·T, H·d]}. */
  private SDVariable attention(SDVariable n, Layer layer) {
    SDVariable[] split = queryKeyValue(n, layer); // each [B, T, heads, d]
    SDVariable query =
        turned(headsNormalised(split[0], config.heads(), layer.queryNorm()), config.heads(), true);
    SDVariable key =
        turned(
            headsNormalised(split[1], config.keyValueHeads(), layer.keyNorm()),
            config.keyValueHeads(),
            false);
    keys.add(key);
    values.add(split[2]);
    Attention.Sizes sizes =
        new Attention.Sizes(
            sequences, tokens, config.heads(), config.keyValueHeads(), config.headSize());
    SDVariable mixed = Attention.causal(query, key, split[2], causalMask, sizes);
    return Ops.reshape(mixed, (long) sequences * tokens, (long) config.heads() * config.headSize());
  }

  /** Each head, where the architecture has a norm of them. */
  private SDVariable headsNormalised(SDVariable x, int heads, @Nullable Norm norm) {
    if (norm == null) {
      return x;
    }
    long rows = (long) sequences * tokens * heads;
    return byHead(normalised(Ops.reshape(x, rows, config.headSize()), norm), heads);
  }

  /** Queries, keys and values, each {@code [B, T, heads, d]}. */
  private SDVariable[] queryKeyValue(SDVariable n, Layer layer) {
    int heads = config.heads();
    int size = config.headSize();
    Fusion fusion = model.tensors().fusion();
    if (fusion == Fusion.NONE) {
      return new SDVariable[] {
        byHead(project(n, layer.queryKeyValue().get(0)), heads),
        byHead(project(n, layer.queryKeyValue().get(1)), config.keyValueHeads()),
        byHead(project(n, layer.queryKeyValue().get(2)), config.keyValueHeads())
      };
    }
    SDVariable all = project(n, layer.queryKeyValue().get(0));
    SDVariable kindFirst =
        fusion == Fusion.BY_KIND
            ? Ops.permute(Ops.reshape(all, sequences, tokens, 3, heads, size), 2, 0, 1, 3, 4)
            : Ops.permute(Ops.reshape(all, sequences, tokens, heads, 3, size), 3, 0, 1, 2, 4);
    return Ops.unstack(kindFirst, 3);
  }

  /** {@code [B·T, heads·d]} to {@code [B, T, heads, d]}. */
  private SDVariable byHead(SDVariable x, int heads) {
    return Ops.reshape(x, sequences, tokens, heads, config.headSize());
  }

  /** Turns every head by its position; queries are also scaled by 1/√d. */
  private SDVariable turned(SDVariable x, int heads, boolean query) {
    int size = config.headSize();
    if (turns == null) {
      return query ? Ops.multiply(x, 1 / Math.sqrt(size)) : x;
    }
    long rows = (long) sequences * tokens * heads;
    SDVariable quarter = Ops.matmul(Ops.reshape(x, rows, size), turns.quarterTurn());
    SDVariable cosine = query ? turns.queryCosines() : turns.keyCosines();
    SDVariable sine = query ? turns.querySines() : turns.keySines();
    long width = (long) tokens * heads * size;
    SDVariable turned =
        Ops.add(
            Ops.multiply(Ops.reshape(x, sequences, width), cosine),
            Ops.multiply(Ops.reshape(quarter, sequences, width), sine));
    return byHead(turned, heads);
  }

  /** The keys of each layer, turned, {@code [B, T, K, d]}; filled by {@link #hidden}. */
  List<SDVariable> keys() {
    return keys;
  }

  /** The values of each layer {@code [B, T, K, d]}; filled by {@link #hidden}. */
  List<SDVariable> values() {
    return values;
  }
}
