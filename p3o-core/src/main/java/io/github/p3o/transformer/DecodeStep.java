package io.github.p3o.transformer;

import io.github.p3o.internal.NativeStep;
import io.github.p3o.internal.Products;
import io.github.p3o.internal.Step;
import io.github.p3o.transformer.DecoderConfig.Residual;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.Op;
import org.nd4j.linalg.api.ops.impl.scalar.ScalarAdd;
import org.nd4j.linalg.api.ops.impl.scalar.ScalarMultiplication;
import org.nd4j.linalg.api.ops.impl.transforms.floating.RSqrt;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Erf;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Exp;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Sigmoid;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Swish;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One more token for each of some rows: the model for a single column, with the keys and values of
 * the columns before in a cache. Every array and native call is fixed; a step executes them. The
 * notation is that of {@link DecoderGraph}, R the number of rows.
 */
final class DecodeStep implements AutoCloseable {

  private final DecoderConfig config;
  private final DecoderWeights weights;
  private final KeyValueCache cache;
  private final int rows;
  private final int columns;
  private final int merged; // M, see KeyValueCache
  private final int products; // K / M
  private final int group; // G
  private final List<Runnable> steps = new ArrayList<>();
  private final List<AutoCloseable> owned = new ArrayList<>();

  private final List<NativeStep> keyWrites = new ArrayList<>(); // of each layer
  private final List<NativeStep> valueWrites = new ArrayList<>();
  private final List<NativeStep> maskings = new ArrayList<>();
  private final List<NativeStep> idReads = new ArrayList<>();
  private final List<NativeStep> positionReads = new ArrayList<>();

  private final INDArray x; // [R, D], the residual stream
  private final INDArray normalised; // [R, D]
  private final INDArray squares; // [R, 1]
  private final INDArray queryKey; // [R, (H + K)·d]
  private final INDArray headSquares; // [R, H + K]
  private final INDArray quarter; // [R, (H + K)·d]
  private final INDArray cosines; // [R, (H + K)·d]
  private final INDArray sines; // [R, (H + K)·d]
  private final INDArray value; // [R, K·d]
  private final INDArray spread; // [R, K / M, M·G, M·d]: queries, beside them zeros
  private final INDArray scores; // [R, K / M, M·G, columns]
  private final INDArray scoreOfRow; // [R, K / M, M·G, 1]
  private final INDArray mixedAll; // [R, K / M, M·G, M·d]
  private final INDArray mixed; // [R, H·d]
  private final INDArray gate; // [R, F]
  private final INDArray means; // [R, 1]
  private final INDArray up; // [R, F]
  private final INDArray logits; // [R, vocabulary]
  private final INDArray noMask; // [R, 1, 1, columns], until a step brings one

  /** Prepares steps for the first rows of a cache, as long as its first {@code columns} suffice. */
  DecodeStep(
      DecoderConfig config, DecoderWeights weights, KeyValueCache cache, int rows, int columns) {
    this.config = config;
    this.weights = weights;
    this.cache = cache;
    this.rows = rows;
    this.columns = columns;
    int size = config.headSize();
    long turned = (long) (config.heads() + config.keyValueHeads()) * size;
    merged = KeyValueCache.merged(config);
    products = config.keyValueHeads() / merged;
    group = config.heads() / config.keyValueHeads();
    x = array(config.hiddenSize());
    normalised = array(config.hiddenSize());
    squares = array(1);
    queryKey = array(turned);
    quarter = array(turned);
    cosines = array(turned);
    sines = array(turned);
    value = array((long) config.keyValueHeads() * size);
    spread = array(products, (long) merged * group, (long) merged * size);
    scores = array(products, (long) merged * group, columns);
    scoreOfRow = array(products, (long) merged * group, 1);
    mixedAll = array(products, (long) merged * group, (long) merged * size);
    mixed = array((long) config.heads() * size);
    headSquares = array((long) config.heads() + config.keyValueHeads());
    gate = array(config.intermediateSize());
    means = array(1);
    up = array(config.intermediateSize());
    logits = array(config.vocabularySize());
    noMask = array(1, 1, columns);
    addInput();
    for (int layer = 0; layer < config.layers(); layer++) {
      addAttention(layer);
      addFeedForward(weights.layers(layer));
    }
    addOutput();
  }

  private void addInput() {
    INDArray none = own(Nd4j.create(DataType.INT32, rows));
    idReads.add(add(NativeStep.alongAxis(0, "gather", x, weights.embedding(), none)));
    INDArray positions = weights.positions();
    if (positions != null) {
      positionReads.add(add(NativeStep.alongAxis(0, "gather", normalised, positions, none)));
      add(NativeStep.of("add", x, x, normalised));
    }
    DecoderWeights.Turns turns = weights.turns();
    if (turns != null) {
      positionReads.add(add(NativeStep.alongAxis(0, "gather", cosines, turns.cosines(), none)));
      positionReads.add(add(NativeStep.alongAxis(0, "gather", sines, turns.sines(), none)));
    }
  }

  private void addOutput() {
    addNorm();
    add(NativeStep.of("multiply", normalised, normalised, weights.finalNorm()));
    addBias(normalised, weights.finalBias());
    add(Products.transposed(logits, normalised, weights.output()));
  }

  /** {@code output = input · matrix + bias}. */
  private void addProduct(INDArray output, INDArray input, DecoderWeights.Product product) {
    add(Products.of(output, input, product.matrix()));
    addBias(output, product.bias());
  }

  /** {@code x = x + input · matrix + bias}. */
  private void addOntoResidual(INDArray input, DecoderWeights.Product product) {
    add(Products.added(x, input, product.matrix()));
    addBias(x, product.bias());
  }

  private void addBias(INDArray array, @Nullable INDArray bias) {
    if (bias != null) {
      add(NativeStep.of("add", array, array, bias));
    }
  }

  private void addAttention(int layer) {
    DecoderWeights.Layer matrices = weights.layers(layer);
    addNorm();
    addProduct(queryKey, normalised, matrices.queryKey());
    addProduct(value, normalised, matrices.value());
    if (matrices.headNorm() != null) {
      addHeadNorm(matrices.headNorm());
    }
    DecoderWeights.Turns turns = weights.turns();
    if (turns != null) {
      addTurn(turns);
    }
    int size = config.headSize();
    long[] queryShape = {rows, products, merged, group, size};
    long[] keyShape = {rows, products, (long) merged * size};
    add(NativeStep.of("identity", ownBlocks(spread), part(queryKey, 0, queryShape)));
    INDArray key = part(queryKey, (long) config.heads() * size, keyShape);
    keyWrites.add(add(write(key, cache.keys(layer))));
    valueWrites.add(add(write(value.reshape(keyShape), cache.values(layer))));
    add(Products.transposed(scores, spread, cache.first(cache.keys(layer), rows, columns)));
    maskings.add(add(NativeStep.of("add", scores, scores, noMask)));
    addSoftmax();
    add(Products.of(mixedAll, scores, cache.first(cache.values(layer), rows, columns)));
    add(NativeStep.of("identity", mixed.reshape(queryShape), ownBlocks(mixedAll)));
    if (config.residual() == Residual.PARALLEL) {
      addInner(matrices); // of the same rows, before x changes
    }
    addOntoResidual(mixed, matrices.attentionOutput());
  }

  /** Of scores, in place; on a device threads of ND4J's own overwrite what others still read. */
  private void addSoftmax() {
    INDArray ofRow = scoreOfRow.reshape(rows, products, (long) merged * group);
    add(NativeStep.alongAxis(3, "reduce_max", ofRow, scores));
    add(NativeStep.of("subtract", scores, scores, scoreOfRow));
    add(new Exp(scores, scores));
    add(NativeStep.alongAxis(3, "reduce_sum", ofRow, scores));
    add(NativeStep.of("divide", scores, scores, scoreOfRow));
  }

  /**
   * Of {@code [R, K / M, M·G, M·d]} the blocks where the queries of a head meet this head's own
   * elements {@code [R, K / M, M, G, d]}.
   */
  private INDArray ownBlocks(INDArray all) {
    int size = config.headSize();
    long width = (long) merged * size;
    long[] shape = {rows, products, merged, group, size};
    long[] stride = {all.stride(0), all.stride(1), group * width + size, width, 1};
    return Nd4j.create(all.data(), shape, stride, 0, 'c', all.dataType());
  }

  private NativeStep write(INDArray from, INDArray to) {
    return NativeStep.of("identity", cache.column(to, rows, 0), from);
  }

  private void addFeedForward(DecoderWeights.Layer matrices) {
    if (config.residual() == Residual.SEQUENTIAL) {
      addNorm();
      addInner(matrices);
    }
    addOntoResidual(matrices.gate() == null ? up : gate, matrices.down());
  }

  private void addInner(DecoderWeights.Layer matrices) {
    addProduct(up, normalised, matrices.up());
    DecoderWeights.Product gating = matrices.gate();
    if (gating == null) {
      addActivation(up);
    } else {
      addProduct(gate, normalised, gating);
      addActivation(gate);
      add(NativeStep.of("multiply", gate, gate, up));
    }
  }

  /** In place; {@link #gate} is free where it is not what is activated. */
  private void addActivation(INDArray array) {
    switch (config.activation()) {
      case SILU -> add(new Swish(array, array));
      case GELU -> {
        add(new ScalarMultiplication(array, null, gate, Math.sqrt(0.5)));
        add(new Erf(gate, gate));
        add(new ScalarAdd(gate, 1));
        add(new ScalarMultiplication(gate, 0.5));
        add(NativeStep.of("multiply", array, array, gate));
      }
      case GELU_TANH -> { // x σ(k x + 0.044715 k x³), see Ops.geluTanh
        double k = 2 * Math.sqrt(2 / Math.PI);
        add(NativeStep.of("multiply", gate, array, array));
        add(new ScalarMultiplication(gate, 0.044715 * k));
        add(new ScalarAdd(gate, k));
        add(NativeStep.of("multiply", gate, gate, array));
        add(new Sigmoid(gate, gate));
        add(NativeStep.of("multiply", array, array, gate));
      }
    }
  }

  /** {@code x / √(Σ x² + D ε)}: what is missing to the norm is in the weights. */
  private void addNorm() {
    INDArray centred = x;
    if (config.architecture().hasLayerNorm()) {
      add(NativeStep.alongAxis(1, "reduce_mean", means.reshape(rows), x));
      add(NativeStep.of("subtract", normalised, x, means));
      centred = normalised;
    }
    add(NativeStep.alongAxis(1, "reduce_sqnorm", squares.reshape(rows), centred));
    add(new ScalarAdd(squares, config.hiddenSize() * config.normEpsilon()));
    add(new RSqrt(squares, squares));
    add(NativeStep.of("multiply", normalised, centred, squares));
  }

  /** The same of each head's query and key. */
  private void addHeadNorm(INDArray weight) {
    long heads = headSquares.length();
    INDArray each = queryKey.reshape(heads, config.headSize());
    add(NativeStep.alongAxis(1, "reduce_sqnorm", headSquares.reshape(heads), each));
    add(new ScalarAdd(headSquares, config.headSize() * config.normEpsilon()));
    add(new RSqrt(headSquares, headSquares));
    add(NativeStep.of("multiply", each, each, headSquares.reshape(heads, 1)));
    add(NativeStep.of("multiply", queryKey, queryKey, weight));
  }

  /** Turns queries and keys by the position of the row. */
  private void addTurn(DecoderWeights.Turns turns) {
    int size = config.headSize();
    long heads = (long) rows * (config.heads() + config.keyValueHeads());
    add(
        Products.of(
            quarter.reshape(heads, size), queryKey.reshape(heads, size), turns.quarterTurn()));
    add(NativeStep.of("multiply", queryKey, queryKey, cosines));
    add(NativeStep.of("multiply", quarter, quarter, sines));
    add(NativeStep.of("add", queryKey, queryKey, quarter));
  }

  private INDArray array(long... shapeOfRow) {
    long[] shape = new long[shapeOfRow.length + 1];
    shape[0] = rows;
    System.arraycopy(shapeOfRow, 0, shape, 1, shapeOfRow.length);
    return own(Nd4j.create(weights.type(), shape));
  }

  /** Some columns of a matrix of R rows, in another shape. */
  private static INDArray part(INDArray matrix, long offset, long[] shape) {
    long[] stride = Nd4j.getStrides(shape, 'c');
    stride[0] = matrix.stride(0);
    return Nd4j.create(matrix.data(), shape, stride, offset, 'c', matrix.dataType());
  }

  private INDArray own(INDArray array) {
    owned.add(array);
    return array;
  }

  private <S extends Step> S add(S step) {
    owned.add(step);
    steps.add(step::execute);
    return step;
  }

  private void add(Op op) {
    steps.add(() -> Nd4j.getExecutioner().exec(op));
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  /**
   * Reads a token for each row.
   *
   * @param ids {@code [R]}
   * @param positions of each id in its sequence {@code [R]}
   * @param column of the cache, the same for each row, below {@link #columns}
   * @param mask {@code [R · columns]}, added to scores
   * @return logits {@code [R · vocabulary]} of the token that follows
   */
  double[] run(int[] ids, int[] positions, int column, double[] mask) {
    try (INDArray idArray = Nd4j.createFromArray(ids);
        INDArray positionArray = Nd4j.createFromArray(positions);
        INDArray maskArray = NativeArrays.of(weights.type(), mask, rows, 1, 1, columns)) {
      idReads.forEach(op -> op.setInput(1, idArray));
      positionReads.forEach(op -> op.setInput(1, positionArray));
      maskings.forEach(op -> op.setInput(1, maskArray));
      for (int layer = 0; layer < config.layers(); layer++) {
        keyWrites.get(layer).setOutput(cache.column(cache.keys(layer), rows, column));
        valueWrites.get(layer).setOutput(cache.column(cache.values(layer), rows, column));
      }
      steps.forEach(Runnable::run);
      return logits.data().asDouble();
    }
  }

  @Override
  public void close() {
    for (AutoCloseable each : owned) {
      try {
        each.close();
      } catch (Exception e) {
        throw new IllegalStateException("could not free native memory", e);
      }
    }
  }
}
