package io.github.p3o.transformer;

import io.github.p3o.internal.FloatMatrix;

/** Reads one token after another of several sequences, whose keys and values a cache holds. */
interface Decoding extends AutoCloseable {

  /** Logits of some sequences. */
  @FunctionalInterface
  interface Logits {

    /**
     * Copies those of one sequence. Several threads may do so at a time.
     *
     * @param sequence index from 0
     * @param into {@code [vocabulary]}
     */
    void copy(int sequence, double[] into);
  }

  /** For a model whose parameters do not change meanwhile; positions are those of the longest. */
  static Decoding of(DecoderModel model, KeyValueCache cache, int positions) {
    return FloatMatrix.reaches(model.type())
        ? new HostDecoding(model, cache, positions)
        : new PlannedDecoding(model, cache, positions);
  }

  /**
   * Begins with other sequences: the first rows of the cache hold their prompts, from column 0 on.
   *
   * @param promptLengths of each row
   * @param promptColumns a multiple of something that all prompts fit in
   */
  void begin(int[] promptLengths, int promptColumns);

  /**
   * Reads the next token of the sequences that go on.
   *
   * @param rows of the cache, rising; one that was left out does not come back
   * @param ids the token of each
   * @param positions of these tokens in their sequences, from 0
   * @return logits of the tokens that follow, in the order of {@code rows}; until the next call
   */
  Logits next(int[] rows, int[] ids, int[] positions);

  /** How many rows all calls so far have computed: what they have cost. */
  long rowsComputed();

  @Override
  void close();
}
