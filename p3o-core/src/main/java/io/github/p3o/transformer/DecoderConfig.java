package io.github.p3o.transformer;

import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableIntArray;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The shape of a decoder: what Hugging Face's {@code config.json} says, as far as it changes the
 * model. A setting that this library does not support is refused by name, never ignored.
 *
 * @param architecture decides norms, gates and how tensors are spelled
 * @param vocabularySize tokens, the rows of the embedding
 * @param hiddenSize width of the residual stream, of GPT-2 and GPT-NeoX a multiple of {@code heads}
 * @param intermediateSize width inside the feed-forward layers
 * @param layers decoder layers
 * @param heads query heads of each layer
 * @param keyValueHeads key and value heads of each layer, a divisor of {@code heads}
 * @param headSize elements of one head, of GPT-2 and GPT-NeoX {@code hiddenSize / heads}
 * @param maxPositions the longest sequence, in tokens
 * @param normEpsilon added to the mean square before its root is taken, &gt; 0
 * @param rotary turns queries and keys by their position; empty for learned positions
 * @param activation of the feed-forward layers
 * @param residual whether attention and feed-forward layers follow each other
 * @param biases the products that have one
 * @param tiedEmbeddings whether the embedding is the output layer too
 * @param beginToken id of the token that begins a sequence, if there is one
 * @param endTokens ids of the tokens that end a sequence, each once; empty if there is none
 */
public record DecoderConfig(
    Architecture architecture,
    int vocabularySize,
    int hiddenSize,
    int intermediateSize,
    int layers,
    int heads,
    int keyValueHeads,
    int headSize,
    int maxPositions,
    double normEpsilon,
    Optional<Rotary> rotary,
    Activation activation,
    Residual residual,
    ImmutableSet<Bias> biases,
    boolean tiedEmbeddings,
    OptionalInt beginToken,
    ImmutableIntArray endTokens) {

  /**
   * Rotary position embedding.
   *
   * @param size leading elements of each head that are turned, even, at least 2
   * @param theta base of the wavelengths, &gt; 0
   * @param scaling of the wavelengths, for sequences longer than the model first learned
   */
  public record Rotary(int size, double theta, RotaryScaling scaling) {

    /** Checks size and base. */
    public Rotary {
      check(size >= 2 && size % 2 == 0, "rotary.size: expected an even number ≥ 2", size);
      checkPositive("ropeTheta", theta);
    }

    /**
     * Without scaling.
     *
     * @param size leading elements of each head that are turned, even, at least 2
     * @param theta base of the wavelengths, &gt; 0
     */
    public Rotary(int size, double theta) {
      this(size, theta, RotaryScaling.NONE);
    }
  }

  /** The nonlinearity of feed-forward layers. */
  public enum Activation {
    /** {@code x σ(x)}. */
    SILU,
    /** {@code x Φ(x)}, with the error function. */
    GELU,
    /** {@code x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))}, which GPT-2 was trained with. */
    GELU_TANH
  }

  /** What a feed-forward layer reads. */
  public enum Residual {
    /** The stream after attention was added to it. */
    SEQUENTIAL,
    /** The same stream as attention, which is added together with it. */
    PARALLEL
  }

  /** Products that a vector can be added to. */
  public enum Bias {
    /** Queries, keys and values. */
    QUERY_KEY_VALUE,
    /** The output of attention. */
    ATTENTION_OUTPUT,
    /** All of the feed-forward layers. */
    FEED_FORWARD
  }

  private static final ImmutableSet<Bias> ALL_BIASES = ImmutableSet.copyOf(Bias.values());

  /** Checks each size, those that must divide another, and what the architecture allows. */
  public DecoderConfig {
    checkPositive("vocabularySize", vocabularySize);
    checkPositive("hiddenSize", hiddenSize);
    checkPositive("intermediateSize", intermediateSize);
    checkPositive("layers", layers);
    checkPositive("heads", heads);
    checkPositive("keyValueHeads", keyValueHeads);
    checkPositive("headSize", headSize);
    checkPositive("maxPositions", maxPositions);
    checkPositive("normEpsilon", normEpsilon);
    check(
        architecture.isGated() || hiddenSize % heads == 0,
        "hiddenSize: expected a multiple of " + heads + " heads",
        hiddenSize);
    check(
        architecture.isGated() || headSize == hiddenSize / heads,
        "headSize: expected hiddenSize / heads, " + hiddenSize / heads + ", for " + architecture,
        headSize);
    check(
        heads % keyValueHeads == 0,
        "keyValueHeads: expected a divisor of " + heads + " heads",
        keyValueHeads);
    rotary.ifPresent(
        r -> check(r.size() <= headSize, "rotary.size: expected at most " + headSize, r.size()));
    checkArchitecture(architecture, heads, keyValueHeads, headSize, rotary);
    checkParts(architecture, activation, residual, biases);
    beginToken.ifPresent(id -> checkToken("beginToken", id, vocabularySize));
    endTokens.forEach(id -> checkToken("endTokens", id, vocabularySize));
    check(
        endTokens.stream().distinct().count() == endTokens.length(),
        "endTokens: expected each once",
        endTokens);
  }

  private static void checkArchitecture(
      Architecture architecture,
      int heads,
      int keyValueHeads,
      int headSize,
      Optional<Rotary> rotary) {
    boolean learned = architecture == Architecture.GPT2;
    check(
        rotary.isEmpty() == learned,
        "rotary: expected " + (learned ? "none" : "one") + " for " + architecture,
        rotary);
    boolean whole = architecture.isGated();
    check(
        !whole || rotary.isEmpty() || rotary.get().size() == headSize,
        "rotary.size: expected the whole head, " + headSize + ", for " + architecture,
        rotary.map(Rotary::size).orElse(0));
    check(
        architecture.isGated() || heads == keyValueHeads,
        "keyValueHeads: expected as many as heads, " + heads + ", for " + architecture,
        keyValueHeads);
  }

  private static void checkParts(
      Architecture architecture,
      Activation activation,
      Residual residual,
      ImmutableSet<Bias> biases) {
    check(
        architecture.isGated() == (activation == Activation.SILU),
        "activation: expected "
            + (architecture.isGated() ? "SILU" : "a GELU")
            + " for "
            + architecture,
        activation);
    check(
        residual == Residual.SEQUENTIAL || architecture == Architecture.GPT_NEOX,
        "residual: expected SEQUENTIAL for " + architecture,
        residual);
    boolean known =
        switch (architecture) {
          case GPT2 -> biases.equals(ALL_BIASES);
          case QWEN2 -> biases.equals(ImmutableSet.of(Bias.QUERY_KEY_VALUE));
          case GPT_NEOX -> biases.contains(Bias.FEED_FORWARD) && attentionAgrees(biases);
          case LLAMA -> attentionAgrees(biases);
          case QWEN3 -> !biases.contains(Bias.FEED_FORWARD) && attentionAgrees(biases);
        };
    check(known, "biases: expected those that " + architecture + " can have", biases);
  }

  private static boolean attentionAgrees(ImmutableSet<Bias> biases) {
    return biases.contains(Bias.QUERY_KEY_VALUE) == biases.contains(Bias.ATTENTION_OUTPUT);
  }

  /**
   * A model of the LLaMA architecture without biases, the usual one to train from nothing.
   *
   * @param vocabularySize tokens
   * @param hiddenSize width of the residual stream, a multiple of 2 · {@code heads}
   * @param intermediateSize width inside the feed-forward layers
   * @param layers decoder layers
   * @param heads query heads
   * @param keyValueHeads key and value heads, a divisor of {@code heads}
   * @param maxPositions the longest sequence, in tokens
   * @param normEpsilon of RMSNorm, &gt; 0
   * @param ropeTheta base of the rotary embedding's wavelengths, &gt; 0
   * @param tiedEmbeddings whether the embedding is the output layer too
   * @param beginToken id of the token that begins a sequence, if there is one
   * @param endToken id of the token that ends a sequence, if there is one
   * @return the description
   * @throws IllegalArgumentException for sizes that cannot be
   */
  public static DecoderConfig llama(
      int vocabularySize,
      int hiddenSize,
      int intermediateSize,
      int layers,
      int heads,
      int keyValueHeads,
      int maxPositions,
      double normEpsilon,
      double ropeTheta,
      boolean tiedEmbeddings,
      OptionalInt beginToken,
      OptionalInt endToken) {
    checkPositive("heads", heads);
    checkPositive("hiddenSize", hiddenSize);
    // Rotary embeddings turn pairs of a head's elements: its size is even.
    check(
        hiddenSize % (2L * heads) == 0,
        "hiddenSize: expected a multiple of 2 · " + heads + " heads",
        hiddenSize);
    return new DecoderConfig(
        Architecture.LLAMA,
        vocabularySize,
        hiddenSize,
        intermediateSize,
        layers,
        heads,
        keyValueHeads,
        hiddenSize / heads,
        maxPositions,
        normEpsilon,
        Optional.of(new Rotary(hiddenSize / heads, ropeTheta)),
        Activation.SILU,
        Residual.SEQUENTIAL,
        ImmutableSet.of(),
        tiedEmbeddings,
        beginToken,
        endToken.isPresent() ? ImmutableIntArray.of(endToken.getAsInt()) : ImmutableIntArray.of());
  }

  /**
   * Reads {@code config.json}. A key that is absent has the value that Hugging Face's own
   * configuration class gives it.
   *
   * <p>A sequence ends with any of the tokens of {@code eos_token_id}, one id or a list. That of
   * {@code generation_config.json} wins, as it does in Hugging Face's {@code generate}; where that
   * file is absent or names none, {@code config.json}'s counts. Nothing else is read from it.
   *
   * @param directory of a checkpoint
   * @return the description
   * @throws CheckpointException if the file is not there, is not valid, or asks for what is not
   *     supported: another model type, a key that is not known, rotary embeddings scaled otherwise
   *     than {@link RotaryScaling} has it, other activations, sliding windows, quantisation
   */
  public static DecoderConfig read(Path directory) {
    return DecoderConfigJson.read(directory);
  }

  /**
   * Writes {@code config.json} as Hugging Face lays it out; {@link #read} gives it back.
   *
   * @param directory of a checkpoint, made if it is not there; a {@code config.json} in it is
   *     replaced, and a {@code generation_config.json} gets the same end tokens
   * @throws CheckpointException if it cannot be written
   */
  public void write(Path directory) {
    DecoderConfigJson.write(this, TensorType.F32, directory);
  }

  private static void checkPositive(String name, double value) {
    check(value > 0 && value < Double.POSITIVE_INFINITY, name + ": expected > 0 and finite", value);
  }

  private static void checkPositive(String name, int value) {
    check(value > 0, name + ": expected at least 1", value);
  }

  private static void checkToken(String name, int id, int vocabularySize) {
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
