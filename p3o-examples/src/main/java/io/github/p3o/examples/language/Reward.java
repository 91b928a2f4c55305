package io.github.p3o.examples.language;

import com.google.common.base.Ascii;
import io.github.p3o.RewardModel;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.transformer.TransformerRewardModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The reward of an alignment: a known preference, or a trained model.
 *
 * @param model scores responses
 * @param gold the known preference, if it is one
 * @param trained the trained model, if it is one
 */
public record Reward(
    RewardModel model, @Nullable Gold gold, @Nullable TransformerRewardModel trained)
    implements AutoCloseable {

  /** A known preference by its name, or a trained model by its directory. */
  public static Reward open(String name, LanguageModel policy) {
    return open(name, policy, TransformerRewardModel::load);
  }

  /** The same with a way to open the trained model. */
  public static Reward open(
      String name, LanguageModel policy, Function<Path, TransformerRewardModel> models) {
    for (Gold gold : Gold.values()) {
      if (gold.toString().equals(Ascii.toLowerCase(name))) {
        return new Reward(
            policy.codec().rewardModel((prompt, text) -> gold.score(text)), gold, null);
      }
    }
    Path directory = Path.of(name);
    if (!Files.isDirectory(directory)) {
      throw new UsageException(
          "--reward: expected a directory or one of "
              + Arrays.toString(Gold.values())
              + ", got "
              + name);
    }
    checkTokenizer(directory, policy);
    TransformerRewardModel trained = models.apply(directory);
    return new Reward(trained, null, trained);
  }

  /** A reward model reads the policy's tokens: they must mean the same to both. */
  private static void checkTokenizer(Path directory, LanguageModel policy) {
    Path own = directory.resolve(LanguageModel.TOKENIZER);
    Path others = policy.tokenizerDirectory().resolve(LanguageModel.TOKENIZER);
    try {
      if (Files.exists(own) && Files.exists(others) && Files.mismatch(own, others) >= 0) {
        throw new UsageException(
            "--reward: expected the tokenizer of --policy, got another in " + own);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    if (trained != null) {
      trained.close();
    }
  }
}
