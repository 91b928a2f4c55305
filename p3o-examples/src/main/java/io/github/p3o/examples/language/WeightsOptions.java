package io.github.p3o.examples.language;

import io.github.p3o.examples.run.UsageException;
import io.github.p3o.transformer.TransformerRewardModel;
import java.nio.file.Path;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** Where weights lie that are only read. */
public final class WeightsOptions {

  @Option(
      names = "--mapped",
      description =
          "Use weights that are only read where they lie in their files, of float32, in memory that"
              + " processes share; nobody may write to these files meanwhile.")
  private boolean mapped;

  /**
   * Refuses the option where it changes nothing.
   *
   * @param read whether there is a model that is only read
   * @param asks what makes one
   */
  public void check(boolean read, String asks) {
    if (mapped && !read) {
      throw new UsageException("--mapped: expected with " + asks + ", got none of them");
    }
  }

  /** The option as it was given, behind a command that asks for the same; empty if it was not. */
  public String given() {
    return mapped ? " --mapped" : "";
  }

  /** A language model that is only read. */
  public LanguageModel languageModel(Path directory) {
    return mapped ? mapped(directory, LanguageModel::map) : LanguageModel.load(directory);
  }

  /** A reward model that only scores. */
  public TransformerRewardModel rewardModel(Path directory) {
    return mapped
        ? mapped(directory, TransformerRewardModel::map)
        : TransformerRewardModel.load(directory);
  }

  private static <M> M mapped(Path directory, Function<Path, M> map) {
    try {
      return map.apply(directory);
    } catch (IllegalStateException e) {
      throw new UsageException("--mapped: " + e.getMessage());
    }
  }
}
