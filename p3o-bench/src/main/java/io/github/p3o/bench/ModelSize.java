package io.github.p3o.bench;

/** The decoders of the benchmarks, by their number of parameters. */
public enum ModelSize {
  /** 1 million parameters. */
  M1(2048, 128, 4),
  /** 10 million parameters. */
  M10(4096, 320, 7),
  /** 40 million parameters. */
  M40(8192, 512, 11);

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
}
