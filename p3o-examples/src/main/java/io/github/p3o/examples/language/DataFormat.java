package io.github.p3o.examples.language;

import com.google.common.base.Ascii;
import com.google.common.hash.Hashing;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.text.ChatTemplate;
import io.github.p3o.text.DataSetReader;
import io.github.p3o.text.DataSets;
import io.github.p3o.text.MalformedLines;
import io.github.p3o.text.Preference;
import io.github.p3o.text.PreferenceFormat;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** How a line of a JSONL file is spelled, by its name on the command line. */
public enum DataFormat {
  /** {@code {"prompt": …}}. */
  PROMPT(Optional.empty()),
  /** {@code {"prompt": …, "chosen": …, "rejected": …}}. */
  PREFERENCE(Optional.of(PreferenceFormat.PROMPT_CHOSEN_REJECTED)),
  /** {@code {"chosen": …, "rejected": …}}, dialogues as in Anthropic's HH. */
  HH(Optional.of(PreferenceFormat.HH_DIALOGUES)),
  /** {@code {"prompt": […], "chosen": […], "rejected": […]}}, lists of messages. */
  MESSAGES(Optional.of(PreferenceFormat.MESSAGES)),
  /** {@code {"info": …, "summaries": …, "choice": …}}, comparisons of summaries. */
  TLDR(Optional.of(PreferenceFormat.TLDR_COMPARISONS));

  private final Optional<PreferenceFormat> preferences;

  DataFormat(Optional<PreferenceFormat> preferences) {
    this.preferences = preferences;
  }

  /** The preferences of a file, to be closed. */
  public DataSetReader<Preference> preferences(
      Path file, ChatTemplate template, MalformedLines malformed) {
    PreferenceFormat format =
        preferences.orElseThrow(
            () ->
                new UsageException(
                    "--data-format: expected preference, hh, messages or tldr, got " + this));
    return DataSets.preferences(file, format, template, malformed);
  }

  /** Gives the prompts of a file one after another, those of preferences each once. */
  void forEachPrompt(
      Path file, ChatTemplate template, MalformedLines malformed, Consumer<String> prompts) {
    if (preferences.isPresent()) {
      Set<Long> seen = new HashSet<>();
      try (DataSetReader<Preference> reader = preferences(file, template, malformed)) {
        reader.forEachRemaining(
            preference -> {
              if (seen.add(hash(preference.prompt()))) {
                prompts.accept(preference.prompt());
              }
            });
      }
      return;
    }
    try (DataSetReader<String> reader = DataSets.prompts(file, malformed)) {
      reader.forEachRemaining(prompts);
    }
  }

  /** Two of a million prompts are taken for one with a probability of 3e-8. */
  private static long hash(String prompt) {
    return Hashing.murmur3_128().hashString(prompt, StandardCharsets.UTF_8).asLong();
  }

  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}
