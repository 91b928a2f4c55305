package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.FloatMatrix;
import io.github.p3o.internal.LayerKernels;
import io.github.p3o.transformer.DecoderConfig.Residual;
import io.github.p3o.transformer.HostWeights.Layer;
import io.github.p3o.transformer.HostWeights.Norm;
import io.github.p3o.transformer.HostWeights.Product;
import io.github.p3o.transformer.HostWeights.Vector;
import io.github.p3o.transformer.RowWorkers.Task;
import io.github.p3o.transformer.RowWorkers.Worker;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Decoding in float32 on the CPU: products by BLAS with the weights where they lie, everything
 * between them by loops of the JVM. All takes as many rows as there are, each with as many columns
 * as it has, so that a sequence that has ended costs nothing, and neither does padding. The
 * notation is that of {@link DecoderGraph}, R the number of rows.
 */
final class HostDecoding implements Decoding {

  @SuppressWarnings("UnusedVariable") // keeps alive the memory that matrices are read from
  private final DecoderModel model;

  private final DecoderConfig config;
  private final ImmutableList<Layer> layers;
  private final Norm finalNorm;
  private final FloatMatrix embedding;
  private final @Nullable FloatMatrix positionEmbedding;
  private final FloatMatrix output;
  private final HostAttention attention;
  private final RowWorkers workers;

  private final List<INDArray> owned = new ArrayList<>();
  private final float[] x; // [R, D], the residual stream
  private final FloatMatrix normalised; // [R, D]
  private final FloatMatrix queryKeyValue; // [R, (H + 2 K)·d]
  private final FloatMatrix mixed; // [R, H·d]
  private final FloatMatrix low; // [R, rank]
  private final FloatMatrix up; // [R, F]
  private final FloatMatrix gate; // [R, F]
  private final FloatMatrix update; // [R, D], what is added to the stream next
  private final FloatMatrix logits; // [R, vocabulary]
  private long rowsComputed;

  HostDecoding(DecoderModel model, KeyValueCache cache, int positions) {
    this(model, cache, positions, RowWorkers.TASKS);
  }

  /** For another number of tasks at a time. */
  HostDecoding(DecoderModel model, KeyValueCache cache, int positions, int tasks) {
    this.model = model;
    this.config = model.config();
    HostWeights weights = new HostWeights(model);
    layers = weights.layers();
    finalNorm = weights.norm(model.tensors().finalNorm());
    embedding = weights.matrix(model.tensors().embedding());
    String learned = model.tensors().positions();
    positionEmbedding = learned == null ? null : weights.matrix(learned);
    output = weights.matrix(model.tensors().output());
    attention = new HostAttention(model, weights, cache, positions);
    int rows = cache.rows();
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    int width = weights.width();
    x = new float[rows * hidden];
    normalised = matrix(rows, hidden);
    queryKeyValue = matrix(rows, width);
    mixed = matrix(rows, config.heads() * config.headSize());
    low = matrix(rows, Math.max(1, weights.rank()));
    up = matrix(rows, inner);
    gate = matrix(rows, inner);
    update = matrix(rows, hidden);
    logits = matrix(rows, config.vocabularySize());
    workers = new RowWorkers(tasks, Math.max(Math.max(hidden, inner), width));
  }

  private FloatMatrix matrix(int rows, int columns) {
    INDArray array = Nd4j.createUninitialized(DataType.FLOAT, rows, columns);
    owned.add(array);
    return FloatMatrix.of(array);
  }

  @Override
  public void begin(int[] promptLengths, int promptColumns) {
    // each row follows its own prompt
  }

  @Override
  public Logits next(int[] rows, int[] ids, int[] positions) {
    int count = rows.length;
    rowsComputed += count;
    embed(ids, positions);
    Task add = (worker, from, to) -> {}; // what the layer before has given
    for (int i = 0; i < layers.size(); i++) {
      Layer layer = layers.get(i);
      workers.eachBlock(count, config.hiddenSize(), add.then(normalising(layer.attentionNorm())));
      project(layer, count);
      attend(i, rows, positions);
      multiply(update, mixed, layer.attentionOutput(), count);
      add = adding(layer.attentionOutput());
      Task normalise = normalising(layer.feedForwardNorm());
      boolean inSequence = config.residual() == Residual.SEQUENTIAL;
      workers.eachBlock(
          count, config.hiddenSize(), inSequence ? add.then(normalise) : normalise.then(add));
      feedForward(layer, count);
      add = adding(layer.down());
    }
    workers.eachBlock(count, config.hiddenSize(), add.then(normalising(finalNorm)));
    multiplyTransposed(
        logits, normalised, output, count, config.vocabularySize(), config.hiddenSize());
    return this::copyLogits;
  }

  private void copyLogits(int row, double[] into) {
    float[] values = new float[into.length];
    logits.from(row, 0).get(values, 0, values.length);
    for (int i = 0; i < values.length; i++) {
      into[i] = values[i];
    }
  }

  private void embed(int[] ids, int[] positions) {
    int hidden = config.hiddenSize();
    float[] position = new float[hidden];
    for (int row = 0; row < ids.length; row++) {
      embedding.from(ids[row], 0).get(x, row * hidden, hidden);
      if (positionEmbedding != null) {
        positionEmbedding.from(positions[row], 0).get(position, 0, hidden);
        LayerKernels.add(x, row * hidden, position, 0, hidden);
      }
    }
  }

  /** Queries, keys and values side by side. */
  private void project(Layer layer, int rows) {
    int at = 0;
    for (Product product : layer.queryKeyValue()) {
      multiply(queryKeyValue.from(0, at), normalised, product, rows);
      at += product.linear().outputs();
    }
  }

  /** {@code out = in · matrix}, an adapter's share added. */
  private void multiply(FloatMatrix out, FloatMatrix in, Product product, int rows) {
    Linear linear = product.linear();
    int inputs = linear.inputs();
    if (linear.order() == Linear.Order.OUTPUTS_FIRST) {
      multiplyTransposed(out, in, product.matrix(), rows, linear.outputs(), inputs);
    } else {
      out.product(in, product.matrix(), rows, linear.outputs(), inputs, 0);
    }
    HostWeights.Low more = product.low();
    if (more != null) {
      low.productTransposed(in, more.down(), rows, more.rank(), inputs);
      out.addProductTransposed(more.scale(), low, more.up(), rows, linear.outputs(), more.rank());
    }
  }

  /** {@code out = in · matrixᵀ}; of few rows in parts, by threads of the JVM. */
  private void multiplyTransposed(
      FloatMatrix out, FloatMatrix in, FloatMatrix matrix, int rows, int outputs, int inputs) {
    int step = FloatMatrix.columnsAtOnce(rows, inputs);
    if (step == 0) {
      out.productTransposed(in, matrix, rows, outputs, inputs);
      return;
    }
    workers.each(
        (outputs + step - 1) / step,
        rows * inputs,
        (worker, from, to) -> {
          for (int part = from; part < to; part++) {
            int first = part * step;
            int count = Math.min(step, outputs - first);
            out.from(0, first).productTransposed(in, matrix.from(first, 0), rows, count, inputs);
          }
        });
  }

  /** Adds to the stream what a product has given. */
  private Task adding(Product product) {
    int hidden = config.hiddenSize();
    Vector bias = product.bias();
    return (worker, from, to) -> {
      float[] given = worker.first;
      update.from(from, 0).get(given, 0, (to - from) * hidden);
      LayerKernels.add(x, from * hidden, given, 0, (to - from) * hidden);
      if (bias != null) {
        LayerKernels.addToRows(x, from * hidden, bias.values, to - from);
      }
    };
  }

  private Task normalising(Norm norm) {
    int hidden = config.hiddenSize();
    float epsilon = (float) config.normEpsilon();
    float[] weight = norm.weight().values;
    Vector bias = norm.bias();
    return (worker, from, to) -> {
      float[] out = worker.first;
      for (int row = from; row < to; row++) {
        int at = (row - from) * hidden;
        if (bias == null) {
          worker.kernels.rootMeanSquareNorm(out, at, x, row * hidden, weight, epsilon);
        } else {
          worker.kernels.layerNorm(out, at, x, row * hidden, weight, bias.values, epsilon);
        }
      }
      normalised.from(from, 0).put(out, 0, (to - from) * hidden);
    };
  }

  private void feedForward(Layer layer, int rows) {
    Product gating = layer.gate();
    multiply(up, normalised, layer.up(), rows);
    if (gating != null) {
      multiply(gate, normalised, gating, rows);
    }
    int inner = config.intermediateSize();
    workers.eachBlock(
        rows,
        2 * inner,
        (worker, from, to) -> {
          int rowsOfBlock = to - from;
          float[] ups = biased(worker.first, up, layer.up(), from, rowsOfBlock);
          if (gating == null) {
            activate(worker, ups, rowsOfBlock * inner);
          } else {
            float[] gates = biased(worker.second, gate, gating, from, rowsOfBlock);
            activate(worker, gates, rowsOfBlock * inner);
            LayerKernels.multiply(ups, gates, rowsOfBlock * inner);
          }
          up.from(from, 0).put(ups, 0, rowsOfBlock * inner);
        });
    multiply(update, up, layer.down(), rows);
  }

  /** Rows that a product has given, its bias added. */
  private static float[] biased(float[] into, FloatMatrix all, Product product, int row, int rows) {
    all.from(row, 0).get(into, 0, rows * product.linear().outputs());
    Vector bias = product.bias();
    if (bias != null) {
      LayerKernels.addToRows(into, 0, bias.values, rows);
    }
    return into;
  }

  private void activate(Worker worker, float[] values, int count) {
    switch (config.activation()) {
      case SILU -> worker.kernels.silu(values, count);
      case GELU -> worker.kernels.gelu(values, count);
      case GELU_TANH -> worker.kernels.geluTanh(values, count);
    }
  }

  /** Attention of each row, or, where rows are few, of each of its heads. */
  private void attend(int layer, int[] rows, int[] positions) {
    int heads = config.keyValueHeads();
    int together = rows.length < workers.count() ? 1 : heads;
    int parts = heads / together;
    int seen = IntStream.of(positions).max().orElse(0) + 1;
    workers.each(
        rows.length * parts,
        together * seen * config.headSize(),
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            int index = i / parts;
            int head = i % parts * together;
            attention.attend(
                worker,
                layer,
                layers.get(layer),
                rows[index],
                positions[index],
                queryKeyValue.from(index, 0),
                mixed.from(index, 0),
                head,
                head + together);
          }
        });
  }

  @Override
  public long rowsComputed() {
    return rowsComputed;
  }

  /** The native memory that it has taken. */
  List<INDArray> owned() {
    return owned;
  }

  @Override
  public void close() {
    owned.forEach(INDArray::close);
  }
}
