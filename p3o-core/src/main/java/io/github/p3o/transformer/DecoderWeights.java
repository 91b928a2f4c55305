package io.github.p3o.transformer;

import io.github.p3o.Parameters;
import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * A model's weights as decoding reads them: transposed, so that products are plain; queries and
 * keys in one matrix; norm weights and the scale of the scores multiplied into the matrices behind
 * them. A copy, for as long as the parameters do not change.
 */
final class DecoderWeights implements AutoCloseable {

  /**
   * The matrices of one layer, in the notation of {@link LlamaGraph}.
   *
   * @param queryKey {@code [D, (H + K)·d]}
   * @param value {@code [D, K·d]}
   * @param attentionOutput {@code [H·d, D]}
   * @param gate {@code [D, F]}
   * @param up {@code [D, F]}
   * @param down {@code [F, D]}
   */
  record Layer(
      INDArray queryKey,
      INDArray value,
      INDArray attentionOutput,
      INDArray gate,
      INDArray up,
      INDArray down) {}

  private final LlamaConfig config;
  private final Parameters parameters;
  private final List<INDArray> owned = new ArrayList<>();
  private final List<Layer> layers = new ArrayList<>();
  private final INDArray finalNorm;
  private final INDArray cosines;
  private final INDArray sines;
  private final INDArray quarterTurn;

  /** Copies a model's weights, for sequences of up to that many tokens. */
  DecoderWeights(LlamaModel model, int positions) {
    this.config = model.config();
    this.parameters = model.parameters();
    for (int i = 0; i < config.layers(); i++) {
      layers.add(layer(i));
    }
    finalNorm = own(normWeight(LlamaWeights.FINAL_NORM));
    int heads = config.heads() + config.keyValueHeads();
    int width = heads * config.headSize();
    cosines = own(model.rotary().cosines(type(), positions, heads, 1)).reshape(positions, width);
    sines = own(model.rotary().sines(type(), positions, heads, 1)).reshape(positions, width);
    quarterTurn = own(model.rotary().quarterTurn(type()));
  }

  private Layer layer(int i) {
    try (INDArray before = normWeight(LlamaWeights.inLayer(i, LlamaWeights.ATTENTION_NORM));
        INDArray between = normWeight(LlamaWeights.inLayer(i, LlamaWeights.FEED_FORWARD_NORM))) {
      return new Layer(
          queryKey(i).muliColumnVector(before),
          transposed(i, LlamaWeights.VALUE).muliColumnVector(before),
          transposed(i, LlamaWeights.ATTENTION_OUTPUT),
          transposed(i, LlamaWeights.GATE).muliColumnVector(between),
          transposed(i, LlamaWeights.UP).muliColumnVector(between),
          transposed(i, LlamaWeights.DOWN));
    }
  }

  /** The norm divides by the root of a sum, not of a mean: √D is here. */
  private INDArray normWeight(String name) {
    return parameters.get(name).mul(Math.sqrt(config.hiddenSize()));
  }

  private INDArray transposed(int layer, String name) {
    INDArray weight = parameters.get(LlamaWeights.inLayer(layer, name));
    return own(Nd4j.createUninitialized(type(), weight.size(1), weight.size(0)))
        .assign(weight.transpose());
  }

  private INDArray queryKey(int layer) {
    INDArray query = parameters.get(LlamaWeights.inLayer(layer, LlamaWeights.QUERY));
    INDArray key = parameters.get(LlamaWeights.inLayer(layer, LlamaWeights.KEY));
    long queries = query.size(0);
    long width = queries + key.size(0);
    INDArray both = own(Nd4j.createUninitialized(type(), config.hiddenSize(), width));
    both.get(NDArrayIndex.all(), NDArrayIndex.interval(0, queries))
        .assign(query.transpose())
        .muli(1 / Math.sqrt(config.headSize()));
    both.get(NDArrayIndex.all(), NDArrayIndex.interval(queries, width)).assign(key.transpose());
    return both;
  }

  private INDArray own(INDArray array) {
    owned.add(array);
    return array;
  }

  DataType type() {
    return parameters.dataType();
  }

  Layer layers(int i) {
    return layers.get(i);
  }

  /** {@code [vocabulary, D]}. */
  INDArray embedding() {
    return parameters.get(LlamaWeights.EMBEDDING);
  }

  /** {@code [vocabulary, D]}. */
  INDArray output() {
    return parameters.get(LlamaWeights.output(config));
  }

  /** {@code [D]}, times √D. */
  INDArray finalNorm() {
    return finalNorm;
  }

  /** {@code [positions, (H + K)·d]}. */
  INDArray cosines() {
    return cosines;
  }

  /** {@code [positions, (H + K)·d]}. */
  INDArray sines() {
    return sines;
  }

  /** {@code [d, d]}, see {@link RotaryTables#quarterTurn}. */
  INDArray quarterTurn() {
    return quarterTurn;
  }

  @Override
  public void close() {
    owned.forEach(INDArray::close);
  }
}
