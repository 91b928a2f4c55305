package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import io.github.p3o.transformer.DecoderTensors.Fusion;
import io.github.p3o.transformer.DecoderTensors.Norm;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * A model's weights as decoding reads them: transposed, so that products are plain; queries and
 * keys in one matrix; norms and the scale of the scores multiplied into the matrices behind them;
 * an adapter added. A copy, for as long as the parameters do not change.
 */
final class DecoderWeights implements AutoCloseable {

  /**
   * What rows are multiplied by.
   *
   * @param matrix {@code [inputs, outputs]}
   * @param bias {@code [outputs]}, null for none
   */
  record Product(INDArray matrix, @Nullable INDArray bias) {}

  /**
   * The matrices of one layer, in the notation of {@link DecoderGraph}.
   *
   * @param queryKey {@code [D, (H + K)·d]}
   * @param headNorm {@code [(H + K)·d]}, what heads are multiplied by behind their norm; null where
   *     there is none
   * @param value {@code [D, K·d]}
   * @param attentionOutput {@code [H·d, D]}
   * @param gate {@code [D, F]}, null where there is none
   * @param up {@code [D, F]}
   * @param down {@code [F, D]}
   */
  record Layer(
      Product queryKey,
      @Nullable INDArray headNorm,
      Product value,
      Product attentionOutput,
      @Nullable Product gate,
      Product up,
      Product down) {}

  /**
   * What turns queries and keys by their position.
   *
   * @param cosines {@code [positions, (H + K)·d]}
   * @param sines {@code [positions, (H + K)·d]}
   * @param quarterTurn {@code [d, d]}, see {@link RotaryTables#quarterTurn}
   */
  record Turns(INDArray cosines, INDArray sines, INDArray quarterTurn) {}

  /** Rows {@code [outputs, inputs]} and what is added {@code [outputs]}; both ours to change. */
  private record Rows(INDArray matrix, @Nullable INDArray bias) implements AutoCloseable {
    @Override
    public void close() {
      matrix.close();
      if (bias != null) {
        bias.close();
      }
    }
  }

  private final DecoderModel model;
  private final DecoderConfig config;
  private final List<INDArray> owned = new ArrayList<>();
  private final ImmutableList<Layer> layers;
  private final INDArray finalNorm;
  private final @Nullable INDArray finalBias;
  private final @Nullable Turns turns;

  /** Copies a model's weights, for sequences of up to that many tokens. */
  DecoderWeights(DecoderModel model, int positions) {
    this.model = model;
    this.config = model.config();
    this.layers =
        model.tensors().layers().stream().map(this::layer).collect(ImmutableList.toImmutableList());
    Norm norm = model.tensors().finalNorm();
    finalNorm = own(normWeight(norm));
    finalBias = norm.bias() == null ? null : model.parameter(norm.bias());
    turns = turns(positions);
  }

  private @Nullable Turns turns(int positions) {
    RotaryTables rotary = model.rotary();
    if (rotary == null) {
      return null;
    }
    int heads = config.heads() + config.keyValueHeads();
    int width = heads * config.headSize();
    return new Turns(
        own(rotary.cosines(type(), positions, heads, 1)).reshape(positions, width),
        own(rotary.sines(type(), positions, heads, 1)).reshape(positions, width),
        own(rotary.quarterTurn(type())));
  }

  private Layer layer(DecoderTensors.Layer names) {
    Linear gate = names.gate();
    try (Rows query = queryKeyValue(names, 0);
        Rows key = queryKeyValue(names, 1);
        Rows value = queryKeyValue(names, 2)) {
      if (names.queryNorm() == null) {
        scale(query);
      }
      return new Layer(
          product(names.attentionNorm(), query, key),
          headNorm(names),
          product(names.attentionNorm(), value),
          product(null, names.attentionOutput()),
          gate == null ? null : product(names.feedForwardNorm(), gate),
          product(names.feedForwardNorm(), names.up()),
          product(null, names.down()));
    }
  }

  /** By 1/√d, as scores are. */
  private void scale(Rows query) {
    double scale = 1 / Math.sqrt(config.headSize());
    query.matrix().muli(scale);
    if (query.bias() != null) {
      query.bias().muli(scale);
    }
  }

  /** For queries also 1/√d, for both √d, since their norm divides by the root of a sum. */
  private @Nullable INDArray headNorm(DecoderTensors.Layer names) {
    Norm query = names.queryNorm();
    Norm key = names.keyNorm();
    if (query == null || key == null) {
      return null;
    }
    int size = config.headSize();
    INDArray all =
        own(Nd4j.createUninitialized(type(), config.heads() + config.keyValueHeads(), size));
    try (INDArray ofKeys = model.parameter(key.weight()).mul(Math.sqrt(size))) {
      for (int head = 0; head < all.size(0); head++) {
        all.getRow(head).assign(head < config.heads() ? model.parameter(query.weight()) : ofKeys);
      }
    }
    return all.reshape(all.length());
  }

  private Rows queryKeyValue(DecoderTensors.Layer names, int kind) {
    if (model.tensors().fusion() == Fusion.NONE) {
      return rows(names.queryKeyValue().get(kind));
    }
    try (Rows all = rows(names.queryKeyValue().get(0))) {
      INDArray bias = all.bias();
      return new Rows(part(all.matrix(), kind), bias == null ? null : part(bias, kind));
    }
  }

  /** A copy of the queries', keys' or values' rows of a product that gives all three. */
  private INDArray part(INDArray all, int kind) {
    long columns = all.rank() == 1 ? 1 : all.size(1);
    int heads = config.heads();
    int size = config.headSize();
    boolean byKind = model.tensors().fusion() == Fusion.BY_KIND;
    INDArray split =
        byKind
            ? all.reshape('c', 3, heads, size, columns)
            : all.reshape('c', heads, 3, size, columns);
    long[] shape = all.shape().clone();
    shape[0] = (long) heads * size;
    INDArray part = Nd4j.createUninitialized(type(), shape);
    part.reshape('c', heads, size, columns)
        .assign(
            split.get(
                byKind ? NDArrayIndex.point(kind) : NDArrayIndex.all(),
                byKind ? NDArrayIndex.all() : NDArrayIndex.point(kind),
                NDArrayIndex.all(),
                NDArrayIndex.all()));
    return part;
  }

  private Product product(@Nullable Norm before, Linear linear) {
    try (Rows rows = rows(linear)) {
      return product(before, rows);
    }
  }

  /** The rows of a product, an adapter's share added. */
  private Rows rows(Linear linear) {
    INDArray weight = model.parameter(linear.weight());
    INDArray matrix =
        (linear.order() == Linear.Order.OUTPUTS_FIRST ? weight : weight.transpose()).dup('c');
    Adapter adapter = model.adapter();
    if (adapter != null && adapter.adapts(linear)) {
      try (INDArray difference = adapter.difference(linear)) {
        matrix.addi(difference);
      }
    }
    String bias = linear.bias();
    return new Rows(matrix, bias == null ? null : model.parameter(bias).dup());
  }

  /** Puts products side by side, and the norm before them into them. */
  private Product product(@Nullable Norm before, Rows... parts) {
    long outputs = 0;
    for (Rows part : parts) {
      outputs += part.matrix().size(0);
    }
    INDArray matrix = own(Nd4j.createUninitialized(type(), parts[0].matrix().size(1), outputs));
    boolean shifts = parts[0].bias() != null || (before != null && before.bias() != null);
    INDArray bias = shifts ? own(Nd4j.create(type(), outputs)) : null;
    long from = 0;
    for (Rows part : parts) {
      long to = from + part.matrix().size(0);
      matrix
          .get(NDArrayIndex.all(), NDArrayIndex.interval(from, to))
          .assign(part.matrix().transpose());
      if (bias != null && part.bias() != null) {
        bias.get(NDArrayIndex.interval(from, to)).assign(part.bias());
      }
      from = to;
    }
    if (before != null) {
      fold(before, matrix, bias);
    }
    return new Product(matrix, bias);
  }

  /** {@code (n w + c) M + b = n (w M) + (c M + b)}. */
  private void fold(Norm norm, INDArray matrix, @Nullable INDArray bias) {
    if (norm.bias() != null && bias != null) {
      try (INDArray shift = model.parameter(norm.bias()).reshape(1, matrix.size(0)).mmul(matrix)) {
        bias.addi(shift.reshape(bias.length()));
      }
    }
    try (INDArray weight = normWeight(norm)) {
      matrix.muliColumnVector(weight);
    }
  }

  /** The norm divides by the root of a sum, not of a mean: √D is here. */
  private INDArray normWeight(Norm norm) {
    return model.parameter(norm.weight()).mul(Math.sqrt(config.hiddenSize()));
  }

  private INDArray own(INDArray array) {
    owned.add(array);
    return array;
  }

  DataType type() {
    return model.type();
  }

  Layer layers(int i) {
    return layers.get(i);
  }

  /** {@code [vocabulary, D]}. */
  INDArray embedding() {
    return model.parameter(model.tensors().embedding());
  }

  /** Learned ones {@code [positions, D]}, null if there are none. */
  @Nullable INDArray positions() {
    String name = model.tensors().positions();
    return name == null ? null : model.parameter(name);
  }

  /** {@code [vocabulary, D]}. */
  INDArray output() {
    return model.parameter(model.tensors().output());
  }

  /** {@code [D]}, times √D. */
  INDArray finalNorm() {
    return finalNorm;
  }

  /** {@code [D]}, null for none. */
  @Nullable INDArray finalBias() {
    return finalBias;
  }

  /** Null for learned positions. */
  @Nullable Turns turns() {
    return turns;
  }

  @Override
  public void close() {
    owned.forEach(INDArray::close);
  }
}
