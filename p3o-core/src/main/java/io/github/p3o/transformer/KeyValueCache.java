package io.github.p3o.transformer;

import io.github.p3o.internal.FloatMatrix;
import io.github.p3o.internal.NativeStep;
import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The keys and values of every token so far, in arrays that are allocated once. Each row is a
 * sequence, each column a token: first the prompt, padded to a common length, then what was
 * generated.
 *
 * <p>Small heads lie side by side, {@link #merged} of them: one product with the queries of all of
 * them, of which a part is used, takes less time than many tiny products.
 */
final class KeyValueCache implements AutoCloseable {

  /** Elements that lie side by side; products of larger matrices are worth their calls. */
  private static final int MAX_WIDTH = 64;

  private final int merged; // M
  private final int products; // K / M
  private final int rows;
  private final int columns;
  private final int headSize; // d
  private final long width; // M·d
  // Of each layer [rows, K / M, columns, M·d].
  private final List<INDArray> keys = new ArrayList<>();
  private final List<INDArray> values = new ArrayList<>();

  KeyValueCache(DecoderConfig config, DataType type, int rows, int columns) {
    this.merged = merged(config);
    this.products = config.keyValueHeads() / merged;
    this.rows = rows;
    this.columns = columns;
    this.headSize = config.headSize();
    this.width = (long) merged * config.headSize();
    for (int i = 0; i < config.layers(); i++) {
      // Zeros: what is masked is multiplied by a weight of 0, and 0 · NaN would be NaN.
      keys.add(Nd4j.create(type, rows, products, columns, width));
      values.add(Nd4j.create(type, rows, products, columns, width));
    }
  }

  /** Elements that a cache holds for each row. */
  static long elementsOfRow(DecoderConfig config, int columns) {
    return 2L * config.layers() * config.keyValueHeads() * config.headSize() * columns;
  }

  /** M, the key and value heads that lie side by side: a divisor of K. */
  static int merged(DecoderConfig config) {
    int merged = Math.max(1, Math.min(config.keyValueHeads(), MAX_WIDTH / config.headSize()));
    while (config.keyValueHeads() % merged != 0) {
      merged--;
    }
    return merged;
  }

  INDArray keys(int layer) {
    return keys.get(layer);
  }

  INDArray values(int layer) {
    return values.get(layer);
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  /**
   * The keys or values of one head, {@code [columns, d]}.
   *
   * @param all those of a layer
   */
  FloatMatrix ofHead(FloatMatrix all, int row, int head) {
    long product = (long) row * products + head / merged;
    return all.from(product * columns, (long) (head % merged) * headSize);
  }

  /** The first columns of the first rows {@code [rows, K / M, columns, M·d]}. */
  INDArray first(INDArray array, int rows, int columns) {
    return view(array, 0, new long[] {rows, products, columns, width}, array.stride());
  }

  /** One column of the first rows {@code [rows, K / M, M·d]}. */
  INDArray column(INDArray array, int rows, int column) {
    return view(
        array,
        column * width,
        new long[] {rows, products, width},
        new long[] {array.stride(0), array.stride(1), 1});
  }

  /**
   * Copies the keys and values of prompts to rows from {@code firstRow} on, columns from 0 on.
   *
   * @param promptOfRow index of the prompt of each row
   * @param tokens {@code T}
   */
  void put(
      int layer, INDArray key, INDArray value, int firstRow, INDArray promptOfRow, int tokens) {
    copy(key, keys.get(layer), firstRow, promptOfRow, tokens);
    copy(value, values.get(layer), firstRow, promptOfRow, tokens);
  }

  /** From {@code [prompts, T, K, d]}. */
  private void copy(INDArray from, INDArray to, int firstRow, INDArray promptOfRow, int tokens) {
    long rows = promptOfRow.length();
    long length = (long) tokens * products * width;
    long[] shape = {rows, tokens, products, width};
    long[] stride = {to.stride(0), to.stride(2), to.stride(1), 1};
    INDArray target = view(to, (long) firstRow * to.stride(0), shape, stride);
    INDArray source = from.reshape(from.length() / length, length);
    try (INDArray gathered = Nd4j.createUninitialized(to.dataType(), rows, length);
        NativeStep gather = NativeStep.alongAxis(0, "gather", gathered, source, promptOfRow)) {
      gather.execute();
      target.assign(gathered.reshape(shape));
    }
  }

  /** Moves some rows to the front; none of them in front of its new place. */
  void keep(int[] rows) {
    for (int i = 0; i < rows.length; i++) {
      if (rows[i] != i) {
        for (int layer = 0; layer < keys.size(); layer++) {
          row(keys.get(layer), i).assign(row(keys.get(layer), rows[i]));
          row(values.get(layer), i).assign(row(values.get(layer), rows[i]));
        }
      }
    }
  }

  private INDArray row(INDArray array, long row) {
    long length = array.stride(0);
    return view(array, row * length, new long[] {length}, new long[] {1});
  }

  /** Like {@link INDArray#get}, in a fifth of the time. */
  private static INDArray view(INDArray array, long offset, long[] shape, long[] stride) {
    return Nd4j.create(array.data(), shape, stride, offset, 'c', array.dataType());
  }

  @Override
  public void close() {
    keys.forEach(INDArray::close);
    values.forEach(INDArray::close);
  }
}
