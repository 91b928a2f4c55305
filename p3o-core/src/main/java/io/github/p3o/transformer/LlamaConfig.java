package io.github.p3o.transformer;

import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * The sizes of a LLaMA model: what Hugging Face's {@code config.json} of model type {@code llama}
 * says, as far as it changes the model. A setting that this library does not support is refused by
 * name, never ignored.
 *
 * @param vocabularySize tokens, the rows of the embedding
 * @param hiddenSize width of the residual stream, a multiple of 2 · {@code heads}
 * @param intermediateSize width inside the feed-forward layers
 * @param layers decoder layers
 * @param heads query heads of each layer
 * @param keyValueHeads key and value heads of each layer, a divisor of {@code heads}
 * @param maxPositions the longest sequence, in tokens
 * @param rmsNormEpsilon added to the mean square before its root is taken, &gt; 0
 * @param ropeTheta base of the rotary embedding's wavelengths, &gt; 0
 * @param tiedEmbeddings whether the embedding is the output layer too
 * @param beginToken id of the token that begins a sequence, if there is one
 * @param endToken id of the token that ends a sequence, if there is one
 */
public record LlamaConfig(
    int vocabularySize,
    int hiddenSize,
    int intermediateSize,
    int layers,
    int heads,
    int keyValueHeads,
    int maxPositions,
    double rmsNormEpsilon,
    double ropeTheta,
    boolean tiedEmbeddings,
    OptionalInt beginToken,
    OptionalInt endToken) {

  /** Checks each size, and those that must divide another. */
  public LlamaConfig {
    checkPositive("vocabularySize", vocabularySize);
    checkPositive("hiddenSize", hiddenSize);
    checkPositive("intermediateSize", intermediateSize);
    checkPositive("layers", layers);
    checkPositive("heads", heads);
    checkPositive("keyValueHeads", keyValueHeads);
    checkPositive("maxPositions", maxPositions);
    checkPositive("rmsNormEpsilon", rmsNormEpsilon);
    checkPositive("ropeTheta", ropeTheta);
    // Rotary embeddings turn pairs of a head's elements: its size is even.
    check(
        hiddenSize % (2L * heads) == 0,
        "hiddenSize: expected a multiple of 2 · " + heads + " heads",
        hiddenSize);
    check(
        heads % keyValueHeads == 0,
        "keyValueHeads: expected a divisor of " + heads + " heads",
        keyValueHeads);
    checkToken("beginToken", beginToken, vocabularySize);
    checkToken("endToken", endToken, vocabularySize);
  }

  /**
   * Reads {@code config.json}. A key that is absent has the value that Hugging Face's own {@code
   * LlamaConfig} gives it. {@code eos_token_id} may be a list of one; of several, which one a
   * sequence ends with would be a guess, so they are refused.
   *
   * @param directory of a checkpoint
   * @return the sizes
   * @throws CheckpointException if the file is not there, is not valid, or asks for what is not
   *     supported: another model type, biases, scaled or partial rotary embeddings, another
   *     activation than SiLU, a head size of its own, sliding windows, quantisation, dropout
   */
  public static LlamaConfig read(Path directory) {
    return LlamaConfigJson.read(directory.resolve(LlamaConfigJson.FILE));
  }

  /**
   * Writes {@code config.json} as Hugging Face lays it out; {@link #read} gives it back.
   *
   * @param directory of a checkpoint, made if it is not there; a {@code config.json} in it is
   *     replaced
   * @throws CheckpointException if it cannot be written
   */
  public void write(Path directory) {
    LlamaConfigJson.write(this, directory.resolve(LlamaConfigJson.FILE));
  }

  /**
   * Elements of one head.
   *
   * @return {@code hiddenSize / heads}, even
   */
  public int headSize() {
    return hiddenSize / heads;
  }

  private static void checkPositive(String name, double value) {
    check(value > 0 && value < Double.POSITIVE_INFINITY, name + ": expected > 0 and finite", value);
  }

  private static void checkPositive(String name, int value) {
    check(value > 0, name + ": expected at least 1", value);
  }

  private static void checkToken(String name, OptionalInt token, int vocabularySize) {
    int id = token.orElse(0);
    check(
        id >= 0 && id < vocabularySize,
        name + ": expected an id in [0, " + vocabularySize + ")",
        id);
  }

  private static void check(boolean holds, String rule, Object value) {
    if (!holds) {
      throw new IllegalArgumentException(rule + ", got " + value);
    }
  }
}
