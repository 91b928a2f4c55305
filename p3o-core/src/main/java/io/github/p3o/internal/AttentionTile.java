package io.github.p3o.internal;

import java.util.Arrays;

/**
 * Some queries of one head, and all keys that they see: what one thread computes in. It stays in
 * the processor's cache. Native memory serves the matrix products, arrays everything else.
 */
final class AttentionTile {

  /** Queries of a tile. */
  static final int ROWS = 64;

  private static final ThreadLocal<AttentionTile> OF_THREAD =
      ThreadLocal.withInitial(AttentionTile::new);

  private final FloatExp exp = new FloatExp();
  private HostScratch weights = new HostScratch(0);
  private HostScratch slopes = new HostScratch(0);
  private int first;
  private int rows;
  private int keys;

  /** This thread's, for the queries of some tokens from {@code first} on. */
  static AttentionTile of(int first, int tokens) {
    AttentionTile tile = OF_THREAD.get();
    tile.first = first;
    tile.rows = Math.min(ROWS, tokens - first);
    tile.keys = first + tile.rows;
    if (tile.weights.array().length < ROWS * tokens) {
      tile.weights = new HostScratch(ROWS * tokens);
      tile.slopes = new HostScratch(ROWS * tokens);
    }
    return tile;
  }

  /** How many keys one product takes, so that OpenBLAS stays on the thread that calls it. */
  private static int keysAtOnce(int elements) {
    return Math.max(1, Math.min(2 * ROWS, FloatMatrix.MAX_PRODUCT / (ROWS * elements)));
  }

  /**
   * Softmax of query · key over the keys that each query sees.
   *
   * @param normalisers takes the logarithm of each row's sum of exponentials
   */
  void setWeights(FloatMatrix query, FloatMatrix key, int elements, float[] normalisers) {
    setProducts(weights, query, key, elements);
    float[] w = weights.array();
    for (int row = 0; row < rows; row++) {
      int from = row * keys;
      int seen = first + row + 1;
      float max = RowKernels.max(w, from, seen);
      RowKernels.add(w, w, -max, from, from + seen);
      Arrays.fill(w, from + seen, from + keys, Float.NEGATIVE_INFINITY);
      normalisers[first + row] = max;
    }
    exp.exp(w, w, rows * keys);
    for (int row = 0; row < rows; row++) {
      int from = row * keys;
      int seen = first + row + 1;
      float sum = RowKernels.sum(w, from, seen);
      RowKernels.multiply(w, w, 1 / sum, from, from + seen);
      normalisers[first + row] += (float) Math.log(sum);
    }
    weights.write(rows * keys);
  }

  /** The same weights again, from what {@link #setWeights} found. */
  void restoreWeights(FloatMatrix query, FloatMatrix key, int elements, float[] normalisers) {
    setProducts(weights, query, key, elements);
    float[] w = weights.array();
    for (int row = 0; row < rows; row++) {
      int from = row * keys;
      int seen = first + row + 1;
      RowKernels.add(w, w, -normalisers[first + row], from, from + seen);
      Arrays.fill(w, from + seen, from + keys, Float.NEGATIVE_INFINITY);
    }
    exp.exp(w, w, rows * keys);
    weights.write(rows * keys);
  }

  /** The gradient of the scores: each weight times how far its slope is above the row's mean. */
  void setSlopes(FloatMatrix gradient, FloatMatrix value, int elements) {
    setProducts(slopes, gradient, value, elements);
    float[] w = weights.array();
    float[] s = slopes.array();
    RowKernels.multiply(s, s, w, rows * keys);
    for (int row = 0; row < rows; row++) {
      int from = row * keys;
      float mean = RowKernels.sum(s, from, first + row + 1);
      RowKernels.subtractProduct(s, mean, w, from, from + keys);
    }
    slopes.write(rows * keys);
  }

  private void setProducts(HostScratch part, FloatMatrix query, FloatMatrix key, int elements) {
    FloatMatrix products = part.matrix(keys);
    int step = keysAtOnce(elements);
    for (int from = 0; from < keys; from += step) {
      int count = Math.min(step, keys - from);
      products
          .from(0, from)
          .productTransposed(query.from(first, 0), key.from(from, 0), rows, count, elements);
    }
    part.read(rows * keys);
  }

  /** {@code output} of these queries = weights · value. */
  void mix(FloatMatrix value, FloatMatrix output, int elements) {
    sumOverKeys(weights, value, output, elements);
  }

  /** Gradients: of these queries, and what they add to those of the keys and values. */
  void addGradients(
      FloatMatrix query,
      FloatMatrix key,
      FloatMatrix gradient,
      FloatMatrix toQuery,
      FloatMatrix toKey,
      FloatMatrix toValue,
      int elements) {
    sumOverKeys(slopes, key, toQuery, elements);
    sumOverQueries(slopes, query, toKey, elements);
    sumOverQueries(weights, gradient, toValue, elements);
  }

  private void sumOverKeys(HostScratch part, FloatMatrix of, FloatMatrix output, int elements) {
    int step = keysAtOnce(elements);
    for (int from = 0; from < keys; from += step) {
      int count = Math.min(step, keys - from);
      FloatMatrix some = part.matrix(keys).from(0, from);
      output
          .from(first, 0)
          .product(some, of.from(from, 0), rows, elements, count, from == 0 ? 0 : 1);
    }
  }

  private void sumOverQueries(HostScratch part, FloatMatrix of, FloatMatrix sum, int elements) {
    int step = keysAtOnce(elements);
    for (int from = 0; from < keys; from += step) {
      int count = Math.min(step, keys - from);
      FloatMatrix some = part.matrix(keys).from(0, from);
      sum.from(from, 0).addTransposedProduct(some, of.from(first, 0), count, elements, rows);
    }
  }
}
