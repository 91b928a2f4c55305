package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.text.Tokenizer;
import io.github.p3o.transformer.SamplingConfig;
import io.github.p3o.transformer.StopRule;
import java.util.List;
import picocli.CommandLine.Option;

/** Options of how texts are drawn, beside the temperature. */
final class TruncationOptions {

  @Option(
      names = "--min-new-tokens",
      paramLabel = "N",
      defaultValue = "0",
      description = "No end before so many tokens (default: ${DEFAULT-VALUE}).")
  private int minNewTokens;

  @Option(
      names = "--top-k",
      paramLabel = "N",
      defaultValue = "0",
      description = "Only the N likeliest tokens; 0 for all (default: ${DEFAULT-VALUE}).")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "X",
      defaultValue = "1",
      description =
          "Only the likeliest tokens that together reach this probability (default:"
              + " ${DEFAULT-VALUE}).")
  private double topP;

  @Option(
      names = "--min-p",
      paramLabel = "X",
      defaultValue = "0",
      description =
          "Only tokens at least so likely as X times the likeliest (default: ${DEFAULT-VALUE}).")
  private double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description = "Weakens tokens that occurred before, if above 1 (default: ${DEFAULT-VALUE}).")
  private double repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "A text ends as soon as it contains this; may be given several times.")
  private List<String> stops = ImmutableList.of();

  /** All of it, for texts of at most so many tokens. */
  SamplingConfig config(int maxNewTokens, Tokenizer tokenizer) {
    if (stops.contains("")) {
      throw new UsageException("--stop: expected a text, got an empty one");
    }
    try {
      SamplingConfig config =
          SamplingConfig.of(maxNewTokens)
              .withMinNewTokens(minNewTokens)
              .withTopK(topK)
              .withTopP(topP)
              .withMinP(minP)
              .withRepetitionPenalty(repetitionPenalty);
      return stops.isEmpty() ? config : config.withStopRule(StopRule.atText(tokenizer, stops));
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }
}
