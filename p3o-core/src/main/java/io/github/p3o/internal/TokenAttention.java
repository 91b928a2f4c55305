package io.github.p3o.internal;

/**
 * What a new token sees of those before it: for one query of each head softmax(query · key) over
 * keys that a cache holds, and the mean of their values by these weights. The scores of several
 * heads lie side by side, so that their exponentials are one loop. Not for use by several threads
 * at once.
 */
public final class TokenAttention {

  private final FloatExp exp = new FloatExp();
  private HostScratch scores = new HostScratch(0); // [heads, group, keys]
  private int heads;
  private int group;
  private int keys;
  private int elements;

  /**
   * Begins anew.
   *
   * @param heads of keys and values
   * @param group queries of each
   * @param keys that are seen
   * @param elements of a head
   */
  public void begin(int heads, int group, int keys, int elements) {
    this.heads = heads;
    this.group = group;
    this.keys = keys;
    this.elements = elements;
    int length = heads * group * keys;
    if (scores.array().length < length) {
      scores = new HostScratch(length + length / 2); // sequences grow
    }
  }

  /** How many keys one product takes, so that OpenBLAS stays on the thread that calls it. */
  private int keysAtOnce() {
    return Math.max(1, FloatMatrix.MAX_OF_VECTOR / (elements * group));
  }

  private FloatMatrix ofHead(int head, int from) {
    return scores.matrix(keys).from((long) head * group, from);
  }

  /**
   * Compares queries with keys.
   *
   * @param head index from 0
   * @param query {@code [group, elements]}
   * @param key {@code [keys, elements]}
   */
  public void score(int head, FloatMatrix query, FloatMatrix key) {
    int step = keysAtOnce();
    for (int from = 0; from < keys; from += step) {
      int count = Math.min(step, keys - from);
      ofHead(head, from).productTransposed(query, key.from(from, 0), group, count, elements);
    }
  }

  /** Turns the scores of all heads into weights. */
  public void normalise() {
    int rows = heads * group;
    scores.read(rows * keys);
    float[] w = scores.array();
    for (int row = 0; row < rows; row++) {
      int from = row * keys;
      RowKernels.add(w, w, -RowKernels.max(w, from, keys), from, from + keys);
    }
    exp.exp(w, w, rows * keys);
    for (int row = 0; row < rows; row++) {
      int from = row * keys;
      RowKernels.multiply(w, w, 1 / RowKernels.sum(w, from, keys), from, from + keys);
    }
    scores.write(rows * keys);
  }

  /**
   * Means of values.
   *
   * @param head index from 0
   * @param value {@code [keys, elements]}
   * @param mixed takes them, {@code [group, elements]}
   */
  public void mix(int head, FloatMatrix value, FloatMatrix mixed) {
    int step = keysAtOnce();
    for (int from = 0; from < keys; from += step) {
      int count = Math.min(step, keys - from);
      mixed.product(
          ofHead(head, from), value.from(from, 0), group, elements, count, from == 0 ? 0 : 1);
    }
  }
}
