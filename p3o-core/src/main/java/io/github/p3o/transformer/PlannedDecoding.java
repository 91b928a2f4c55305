package io.github.p3o.transformer;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Decoding by ND4J's operations, in any type and on any device. What is generated stands in the
 * same column of the cache for all rows, behind the columns of the longest prompt. A plan of
 * operations serves so many rows and columns; rows that have ended leave it when they are an eighth
 * of it.
 */
final class PlannedDecoding implements Decoding {

  /** Attention looks at a multiple of this many columns, so that a plan serves many tokens. */
  static final int COLUMN_STEP = 32;

  private final DecoderConfig config;
  private final KeyValueCache cache;
  private final DecoderWeights weights;
  private int[] promptLengths = {};
  private int promptColumns;
  private int[] planned = {}; // which of the rows at the beginning each row is
  private @Nullable DecodeStep step;
  private long rowsComputed;
  private int plans;

  PlannedDecoding(DecoderModel model, KeyValueCache cache, int positions) {
    this.config = model.config();
    this.cache = cache;
    this.weights = new DecoderWeights(model, positions);
  }

  @Override
  public void begin(int[] promptLengths, int promptColumns) {
    closeStep();
    this.promptLengths = promptLengths.clone();
    this.promptColumns = promptColumns;
    this.planned = IntStream.range(0, promptLengths.length).toArray();
  }

  @Override
  public Logits next(int[] rows, int[] ids, int[] positions) {
    int column = promptColumns + positions[0] - promptLengths[rows[0]];
    DecodeStep current = step(rows, column);
    rowsComputed += planned.length;
    int[] idOfEach = new int[planned.length];
    int[] positionOfEach = new int[planned.length];
    int[] planOfRow = new int[rows.length];
    double[] mask = new double[planned.length * current.columns()];
    Arrays.fill(mask, DecoderInputs.HIDDEN);
    for (int i = 0; i < planned.length; i++) {
      int promptLength = promptLengths[planned[i]];
      int row = Arrays.binarySearch(rows, planned[i]);
      if (row >= 0) {
        planOfRow[row] = i;
        idOfEach[i] = ids[row];
      }
      positionOfEach[i] = promptLength + column - promptColumns;
      int begin = i * current.columns();
      Arrays.fill(mask, begin, begin + promptLength, 0);
      Arrays.fill(mask, begin + promptColumns, begin + column + 1, 0);
    }
    double[] logits = current.run(idOfEach, positionOfEach, column, mask);
    int length = config.vocabularySize();
    return (i, into) -> System.arraycopy(logits, planOfRow[i] * length, into, 0, length);
  }

  private DecodeStep step(int[] rows, int column) {
    DecodeStep current = step;
    if (current == null || column == current.columns() || isSparse(rows.length, planned.length)) {
      plans++;
      closeStep();
      int[] kept = kept(rows);
      cache.keep(kept);
      planned = IntStream.of(kept).map(i -> planned[i]).toArray();
      int columns = Math.min(Generator.roundUp(column + 1, COLUMN_STEP), cache.columns());
      current = new DecodeStep(config, weights, cache, planned.length, columns);
      step = current;
    }
    return current;
  }

  /** Whether an eighth has ended: a bound of 8/7 on what is computed, with few plans. */
  private static boolean isSparse(int open, int rows) {
    return 8 * open <= 7 * rows;
  }

  /**
   * What stays of the plan, in an order that moves few: the last rows fill the gaps of those that
   * have ended.
   */
  private int[] kept(int[] rows) {
    int[] open =
        IntStream.range(0, planned.length)
            .filter(i -> Arrays.binarySearch(rows, planned[i]) >= 0)
            .toArray();
    int[] kept = new int[open.length];
    int last = open.length;
    for (int i = 0; i < kept.length; i++) {
      kept[i] = Arrays.binarySearch(rows, planned[i]) >= 0 ? i : open[--last];
    }
    return kept;
  }

  @Override
  public long rowsComputed() {
    return rowsComputed;
  }

  /** How often a step was planned anew. */
  int plans() {
    return plans;
  }

  private void closeStep() {
    if (step != null) {
      step.close();
      step = null;
    }
  }

  @Override
  public void close() {
    closeStep();
    weights.close();
  }
}
