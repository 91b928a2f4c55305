package io.github.p3o.examples.supervised;

import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.UsageException;
import java.util.Locale;
import picocli.CommandLine.Option;

/** Sizes of a model to train from nothing. */
final class SizeOptions {

  @Option(
      order = 30,
      names = "--layers",
      paramLabel = "N",
      defaultValue = "2",
      description = "Decoder layers of a new model (default: ${DEFAULT-VALUE}).")
  private int layers;

  @Option(
      order = 31,
      names = "--width",
      paramLabel = "N",
      defaultValue = "64",
      description = "Width of a new model (default: ${DEFAULT-VALUE}).")
  private int width;

  @Option(
      order = 32,
      names = "--heads",
      paramLabel = "N",
      defaultValue = "4",
      description = "Attention heads of a new model (default: ${DEFAULT-VALUE}).")
  private int heads;

  @Option(
      order = 33,
      names = "--context",
      paramLabel = "N",
      defaultValue = "256",
      description = "Longest sequence of a new model, in tokens (default: ${DEFAULT-VALUE}).")
  private int context;

  /** The sizes. */
  LanguageModel.Sizes sizes() {
    Checks.atLeast("--layers", 1, layers);
    Checks.atLeast("--heads", 1, heads);
    Checks.atLeast("--context", 2, context); // a token and the next
    if (width < 1 || width % (2 * heads) != 0) { // rotary embeddings turn pairs
      throw new UsageException(
          String.format(
              Locale.ROOT, "--width: expected a multiple of 2 · %d heads, got %d", heads, width));
    }
    return new LanguageModel.Sizes(layers, width, heads, context);
  }
}
