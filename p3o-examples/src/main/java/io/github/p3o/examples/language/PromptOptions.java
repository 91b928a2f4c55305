package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.Prompt;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.GivenOptions;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.text.DataSets;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.TokenStatistics;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Options that say where prompts come from. */
public final class PromptOptions {

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
      description = "Of --prompts: prompt, preference, hh, messages or tldr (default: prompt).")
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

  @Spec(Spec.Target.MIXEE)
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec mixee;

  /** Whether prompts come from a file, which may hold what is not to be shown. */
  public boolean fromFile() {
    return file != null;
  }

  /** How files are read. */
  public LineOptions lines() {
    return lines;
  }

  /**
   * The prompts as tokens. Those of a file are read one after another and stay on disk.
   *
   * @param fallback where none are given
   * @param room tokens of the context that are left for a prompt
   */
  public List<Prompt> prompts(
      ImmutableList<String> fallback, LanguageModel model, int room, Console console) {
    List<Prompt> all = TokenFile.ofPrompts();
    read(fallback, model, room, console, (text, prompt) -> all.add(prompt));
    return all;
  }

  /**
   * The same, each once, with the side of each by a hash of its text and the seed: that of {@link
   * DataSets#isHeldOut}, so that commands with the same share and seed hold out the same prompts.
   *
   * @param share to hold out
   */
  public SplitPrompts split(
      ImmutableList<String> fallback,
      LanguageModel model,
      int room,
      Console console,
      double share,
      long seed) {
    List<Prompt> all = TokenFile.ofPrompts();
    BitSet heldOut = new BitSet();
    Set<Long> seen = new HashSet<>();
    read(
        fallback,
        model,
        room,
        console,
        (text, prompt) -> {
          if (seen.add(SplitPrompts.hash(prompt.tokens()))) {
            heldOut.set(all.size(), DataSets.isHeldOut(text, share, seed));
            all.add(prompt);
          }
        });
    return new SplitPrompts(all, heldOut::get);
  }

  private void read(
      ImmutableList<String> fallback,
      LanguageModel model,
      int room,
      Console console,
      BiConsumer<String, Prompt> prompts) {
    if (file != null && !texts.isEmpty()) {
      throw new UsageException("--prompt, --prompts: expected one of the two, got both");
    }
    if (file == null) {
      GivenOptions.refuse(mixee, ImmutableSet.of("--format"), "with --prompts, got none");
    }
    int limit = maxPromptTokens == null ? room : Math.min(room, maxPromptTokens);
    Checks.atLeast("--max-prompt-tokens", 2, limit); // the begin token and one more
    TokenStatistics statistics = new TokenStatistics(limit);
    Consumer<String> add =
        text -> prompts.accept(text, tokens(text, model.codec(), statistics, limit));
    if (file == null) {
      (texts.isEmpty() ? fallback : texts).forEach(add);
    } else {
      format.forEachPrompt(
          file, lines.template(model.tokenizerDirectory()), lines.malformed(), add);
      console.note("prompts: " + statistics);
    }
    if (statistics.truncated() > 0) {
      console.note(
          String.format(
              Locale.ROOT,
              "%d of %d prompts truncated from the left to %d tokens",
              statistics.truncated(),
              statistics.sequences(),
              limit));
    }
  }

  private Prompt tokens(String text, TextCodec codec, TokenStatistics statistics, int limit) {
    Prompt prompt = codec.prompt(text);
    statistics.add(prompt.tokens().length());
    if (prompt.tokens().length() <= limit) {
      return prompt;
    }
    if (!truncate) {
      throw tooLong(statistics.sequences(), limit, prompt);
    }
    return codec.prompt(text, limit);
  }

  private static UsageException tooLong(long number, int limit, Prompt prompt) {
    return new UsageException(
        String.format(
            Locale.ROOT,
            "prompt %d: expected at most %d tokens, got %d; --truncate-prompts keeps the last ones",
            number,
            limit,
            prompt.tokens().length()));
  }
}
