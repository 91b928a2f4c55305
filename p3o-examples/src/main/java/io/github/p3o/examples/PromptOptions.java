package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options that say where prompts come from. */
final class PromptOptions {

  @Option(
      order = 10,
      names = "--prompt",
      paramLabel = "TEXT",
      description = "A prompt; may be given several times.")
  private List<String> texts = new ArrayList<>();

  @Option(
      order = 11,
      names = "--prompts",
      paramLabel = "FILE",
      description = "Prompts, a JSONL file (.gz too).")
  private @Nullable Path file;

  @Option(
      order = 12,
      names = "--format",
      paramLabel = "FORMAT",
      defaultValue = "prompt",
      description = "Of the file: prompt, preference, hh, messages or tldr (default: prompt).")
  private DataFormat format = DataFormat.PROMPT;

  @Mixin private final LineOptions lines = new LineOptions();

  @Option(
      order = 14,
      names = "--truncate-prompts",
      description = "Keep the last tokens of a prompt that is too long, instead of stopping.")
  private boolean truncate;

  @Option(
      order = 15,
      names = "--max-prompt-tokens",
      paramLabel = "N",
      description = "Longer prompts are too long (default: what the context leaves).")
  private @Nullable Integer maxPromptTokens;

  /** Whether prompts come from a file, which may hold what is not to be shown. */
  boolean fromFile() {
    return file != null;
  }

  /** How files are read. */
  LineOptions lines() {
    return lines;
  }

  /** The prompts as texts; the fallback where none are given. */
  ImmutableList<String> texts(ImmutableList<String> fallback) {
    if (file != null && !texts.isEmpty()) {
      throw new UsageException("--prompt, --prompts: expected one of the two, got both");
    }
    if (file != null) {
      return format.prompts(file, lines.template(), lines.malformed());
    }
    return texts.isEmpty() ? fallback : ImmutableList.copyOf(texts);
  }

  /**
   * The prompts as tokens.
   *
   * @param room tokens of the context that are left for a prompt
   */
  ImmutableList<Prompt> tokens(
      ImmutableList<String> prompts, TextCodec codec, int room, Console console) {
    int limit = maxPromptTokens == null ? room : Math.min(room, maxPromptTokens);
    Checks.atLeast("--max-prompt-tokens", 2, limit); // the begin token and one more
    ImmutableList.Builder<Prompt> all = ImmutableList.builderWithExpectedSize(prompts.size());
    int truncated = 0;
    for (int i = 0; i < prompts.size(); i++) {
      Prompt prompt = codec.prompt(prompts.get(i));
      boolean tooLong = prompt.tokens().length() > limit;
      if (tooLong && !truncate) {
        throw tooLong(i, limit, prompt);
      }
      truncated += tooLong ? 1 : 0;
      all.add(tooLong ? codec.lastOf(prompts.get(i), limit) : prompt);
    }
    if (truncated > 0) {
      console.note(
          String.format(
              "%d of %d prompts truncated from the left to %d tokens",
              truncated, prompts.size(), limit));
    }
    return all.build();
  }

  private static UsageException tooLong(int index, int limit, Prompt prompt) {
    return new UsageException(
        String.format(
            "prompt %d: expected at most %d tokens, got %d; --truncate-prompts keeps the last ones",
            index + 1, limit, prompt.tokens().length()));
  }
}
