package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.Ops;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
final class LlamaGraph {

  private final SameDiff graph;
  private final LlamaConfig config;
  private final ImmutableMap<String, ImmutableLongArray> shapes;
  private final DataType type;
  private final int sequences;
  private final int tokens;
  private final LlamaInputs.Tables tables;
  private final Map<String, SDVariable> parameters = new HashMap<>();
  private final List<SDVariable> keys = new ArrayList<>();
  private final List<SDVariable> values = new ArrayList<>();

  LlamaGraph(SameDiff graph, LlamaConfig config, DataType type, int sequences, int tokens) {
    this.graph = graph;
    this.config = config;
    this.shapes = LlamaWeights.all(config);
    this.type = type;
    this.sequences = sequences;
    this.tokens = tokens;
    this.tables = LlamaInputs.tables(graph, config, type, tokens);
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
          return graph.placeHolder(n, type, shape.toArray());
        });
  }

  /**
   * The last hidden state at some positions, normalised.
   *
   * @param positions rows {@code [positions]} of {@code [B·T]}
   * @return {@code [positions, D]}
   */
  SDVariable hidden(SDVariable positions) {
    SDVariable ids = graph.placeHolder(LlamaInputs.IDS, DataType.INT32, (long) sequences * tokens);
    SDVariable x = Ops.rows(parameter(LlamaWeights.EMBEDDING), ids);
    for (int layer = 0; layer < config.layers(); layer++) {
      x = block(x, layer);
    }
    return normalised(Ops.rows(x, positions), LlamaWeights.FINAL_NORM);
  }

  /** One decoder layer, {@code [B·T, D]} to {@code [B·T, D]}. */
  private SDVariable block(SDVariable x, int layer) {
    SDVariable n = normalised(x, LlamaWeights.inLayer(layer, LlamaWeights.ATTENTION_NORM));
    SDVariable q = turned(project(n, layer, LlamaWeights.QUERY), config.heads(), true);
    SDVariable k = turned(project(n, layer, LlamaWeights.KEY), config.keyValueHeads(), false);
    SDVariable v = project(n, layer, LlamaWeights.VALUE);
    SDVariable attended = attention(q, k, v);
    SDVariable y = Ops.add(x, project(attended, layer, LlamaWeights.ATTENTION_OUTPUT));
    SDVariable m = normalised(y, LlamaWeights.inLayer(layer, LlamaWeights.FEED_FORWARD_NORM));
    SDVariable gate = project(m, layer, LlamaWeights.GATE);
    SDVariable silu = Ops.multiply(gate, Ops.sigmoid(gate));
    SDVariable inner = Ops.multiply(silu, project(m, layer, LlamaWeights.UP));
    return Ops.add(y, project(inner, layer, LlamaWeights.DOWN));
  }

  private SDVariable project(SDVariable x, int layer, String name) {
    return Ops.matmulTransposed(x, parameter(LlamaWeights.inLayer(layer, name)));
  }

  /** RMSNorm of each row: {@code x / √(mean x² + ε) · weight}. */
  private SDVariable normalised(SDVariable x, String weight) {
    SDVariable square = Ops.meanKeeping(Ops.multiply(x, x), 1);
    SDVariable scale = Ops.reciprocal(Ops.sqrt(Ops.add(square, config.rmsNormEpsilon())));
    return Ops.multiply(Ops.multiply(x, scale), parameter(weight));
  }

  /** Turns every head by its position; queries are also scaled by 1/√d. {@code [B·T, heads·d]}. */
  private SDVariable turned(SDVariable x, int heads, boolean query) {
    int size = config.headSize();
    long rows = (long) sequences * tokens;
    SDVariable quarter = Ops.matmul(Ops.reshape(x, rows * heads, size), tables.quarterTurn());
    SDVariable cosine = query ? tables.queryCosines() : tables.keyCosines();
    SDVariable sine = query ? tables.querySines() : tables.keySines();
    long width = (long) tokens * heads * size;
    return Ops.add(
        Ops.multiply(Ops.reshape(x, sequences, width), cosine),
        Ops.multiply(Ops.reshape(quarter, sequences, width), sine));
  }

  /** Causal attention, {@code [B·T, H·d]}; the G queries of a key head are rows of one product. */
  private SDVariable attention(SDVariable q, SDVariable k, SDVariable v) {
    int heads = config.heads();
    int keyHeads = config.keyValueHeads();
    long products = (long) sequences * keyHeads;
    long queries = (long) heads / keyHeads * tokens;
    SDVariable query = Ops.reshape(byHead(q, heads), products, queries, config.headSize());
    SDVariable key = Ops.reshape(byHead(k, keyHeads), products, tokens, config.headSize());
    SDVariable value = Ops.reshape(byHead(v, keyHeads), products, tokens, config.headSize());
    keys.add(key);
    values.add(value);
    SDVariable scores = Ops.matmulTransposed(query, key);
    SDVariable square = Ops.reshape(scores, (long) sequences * heads, (long) tokens * tokens);
    SDVariable masked = Ops.add(square, tables.causalMask());
    SDVariable weights = softmax(Ops.reshape(masked, (long) sequences * heads * tokens, tokens));
    SDVariable mixed = Ops.matmul(Ops.reshape(weights, products, queries, tokens), value);
    SDVariable split = Ops.reshape(mixed, sequences, heads, tokens, config.headSize());
    return Ops.reshape(
        Ops.permute(split, 0, 2, 1, 3), (long) sequences * tokens, config.hiddenSize());
  }

  /** {@code [B·T, heads·d]} to {@code [B, heads, T, d]}. */
  private SDVariable byHead(SDVariable x, int heads) {
    return Ops.permute(Ops.reshape(x, sequences, tokens, heads, config.headSize()), 0, 2, 1, 3);
  }

  /** The softmax of each row. */
  private static SDVariable softmax(SDVariable x) {
    SDVariable shifted = Ops.exp(Ops.subtract(x, Ops.detachedMax(x, 1)));
    return Ops.multiply(shifted, Ops.reciprocal(Ops.sumKeeping(shifted, 1)));
  }

  /** The keys of each layer, turned, {@code [B·K, T, d]}; filled by {@link #hidden}. */
  List<SDVariable> keys() {
    return keys;
  }

  /** The values of each layer {@code [B·K, T, d]}; filled by {@link #hidden}. */
  List<SDVariable> values() {
    return values;
  }
}
