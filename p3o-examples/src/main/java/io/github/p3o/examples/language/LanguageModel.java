package io.github.p3o.examples.language;

import io.github.p3o.examples.run.UsageException;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.Tokenizer;
import io.github.p3o.text.Tokenizers;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A language model and its tokenizer.
 *
 * @param policy the model
 * @param tokenizer the tokenizer
 * @param tokenizerDirectory where the tokenizer's files are; none for bytes
 */
public record LanguageModel(TransformerPolicy policy, Tokenizer tokenizer, Path tokenizerDirectory)
    implements AutoCloseable {

  /** In a run directory: the model, a Hugging Face directory. */
  public static final String MODEL = "model";

  /** In a run directory: a low-rank adapter alone. */
  public static final String ADAPTER = "adapter";

  static final String TOKENIZER = "tokenizer.json";

  /**
   * Loads a Hugging Face directory. Without a tokenizer.json, a model of 258 tokens reads bytes, as
   * those that {@code p3o sft --tokenizer bytes} makes.
   */
  public static LanguageModel load(Path directory) {
    return open(directory, TransformerPolicy::load);
  }

  /** The same with weights where they lie in their files; the policy cannot be trained. */
  public static LanguageModel map(Path directory) {
    return open(directory, TransformerPolicy::map);
  }

  private static LanguageModel open(Path directory, Function<Path, TransformerPolicy> weights) {
    TransformerPolicy policy = weights.apply(directory);
    try {
      return new LanguageModel(policy, tokenizer(directory, policy.config()), directory);
    } catch (RuntimeException e) {
      policy.close();
      throw e;
    }
  }

  /** The tokenizer of a model's directory; bytes where it has none and as many tokens. */
  public static Tokenizer tokenizer(Path directory, DecoderConfig config) {
    Tokenizer bytes = Tokenizers.bytes();
    boolean readsBytes =
        !Files.exists(directory.resolve(TOKENIZER))
            && config.vocabularySize() == bytes.vocabularySize();
    Tokenizer tokenizer = readsBytes ? bytes : Tokenizers.huggingFace(directory);
    if (tokenizer.vocabularySize() > config.vocabularySize()) {
      tokenizer.close();
      throw new UsageException(
          directory
              + ": expected a tokenizer of at most "
              + config.vocabularySize()
              + " tokens, as many as the model has, got "
              + tokenizer.vocabularySize());
    }
    return tokenizer;
  }

  /** An untrained model. */
  public static LanguageModel untrained(
      Sizes sizes, Tokenizer tokenizer, Path directory, long seed) {
    return new LanguageModel(
        TransformerPolicy.random(sizes.config(tokenizer), DataType.FLOAT, seed),
        tokenizer,
        directory);
  }

  /**
   * Sizes of a model to train from nothing.
   *
   * @param layers decoder layers
   * @param width of the residual stream
   * @param heads attention heads
   * @param context the longest sequence, in tokens
   */
  public record Sizes(int layers, int width, int heads, int context) {

    private DecoderConfig config(Tokenizer tokenizer) {
      return DecoderConfig.llama(
          tokenizer.vocabularySize(),
          width,
          (width + 2) / 3 * 8, // 8/3 of the width, as in LLaMA
          layers,
          heads,
          heads,
          context,
          1e-5,
          10_000,
          true,
          tokenizer.beginToken(),
          tokenizer.endToken());
    }
  }

  /** The same with a low-rank adapter over it, as PEFT or a run wrote it; this one is closed. */
  public LanguageModel withAdapter(Path directory) {
    return with(base -> base.loadAdapter(directory));
  }

  /** The same with a policy made of this one's, which is closed; if that fails, all of it is. */
  LanguageModel with(UnaryOperator<TransformerPolicy> change) {
    try (policy) {
      return new LanguageModel(change.apply(policy), tokenizer, tokenizerDirectory);
    } catch (RuntimeException e) {
      tokenizer.close();
      throw e;
    }
  }

  /** Between texts and tokens of this model. */
  public TextCodec codec() {
    return new TextCodec(tokenizer);
  }

  /** Writes the model as a Hugging Face directory, the tokenizer's files included. */
  public void save(Path directory) {
    policy.save(directory);
    copyTokenizer(directory);
  }

  /** Writes the model into a run directory; of one with an adapter that alone, and all merged. */
  public void saveIn(Path run) {
    if (policy.adapter().isPresent()) {
      policy.saveAdapter(run.resolve(ADAPTER));
    }
    save(run.resolve(MODEL));
  }

  /** Copies the tokenizer's files. */
  public void copyTokenizer(Path directory) {
    Tokenizers.copy(tokenizerDirectory, directory);
  }

  /** Tokens of the context that are left for a prompt. */
  public int maxPromptTokens(int maxNewTokens) {
    int room = policy.config().maxPositions() - maxNewTokens;
    if (maxNewTokens < 1 || room < 1) {
      throw new UsageException(
          "--max-new-tokens: expected from 1 to "
              + (policy.config().maxPositions() - 1)
              + ", as the context has "
              + policy.config().maxPositions()
              + " tokens, got "
              + maxNewTokens);
    }
    return room;
  }

  @Override
  public void close() {
    policy.close();
    tokenizer.close();
  }
}
