package io.github.p3o.bench;

import io.github.p3o.transformer.DecoderConfig;
import java.util.OptionalInt;

/** The decoders of the benchmarks, by their number of parameters. */
public enum ModelSize {
  /** 1 million parameters. */
  M1(2048, 128, 4),
  /** 10 million parameters. */
  M10(4096, 320, 7),
  /** 40 million parameters. */
  M40(8192, 512, 11),
  /** 124 million parameters. */
  M125(16_384, 768, 14);

  private final int vocabulary;
  private final int width;
  private final int layers;

  ModelSize(int vocabulary, int width, int layers) {
    this.vocabulary = vocabulary;
    this.width = width;
    this.layers = layers;
  }

  int vocabulary() {
    return vocabulary;
  }

  int width() {
    return width;
  }

  int layers() {
    return layers;
  }

  int heads() {
    return width / headSize();
  }

  int headSize() {
    return 32;
  }

  int intermediate() {
    return width * 8 / 3 / 32 * 32;
  }

  int tokens() {
    return 128;
  }

  double normEpsilon() {
    return 1e-5;
  }

  /** A decoder of this size for sequences of up to so many tokens. */
  DecoderConfig config(int positions) {
    return DecoderConfig.llama(
        vocabulary,
        width,
        intermediate(),
        layers,
        heads(),
        heads(),
        positions,
        normEpsilon(),
        10_000,
        false,
        OptionalInt.empty(),
        OptionalInt.empty());
  }

  /** Parameters of all matrices that every token is multiplied with, the output layer apart. */
  private long matrices() {
    return layers * (4L * width * width + 3L * width * intermediate());
  }

  /**
   * Multiplications and additions of matrix products, attention as if every token saw the half of
   * its sequence.
   *
   * @param tokens that go through the layers
   * @param outputs of them that get logits
   * @param seen keys that a token sees, on average
   */
  double flops(long tokens, long outputs, double seen) {
    double ofAttention = 2.0 * layers * width * seen;
    return 2.0 * (tokens * (matrices() + ofAttention) + (double) outputs * width * vocabulary);
  }

  /** Bytes of the parameters that one token after another reads, float32. */
  long bytesOfToken() {
    return Float.BYTES * (matrices() + (long) width * vocabulary);
  }
}
