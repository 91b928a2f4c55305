package io.github.p3o.examples;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import io.github.p3o.text.ChatTemplate;
import io.github.p3o.text.DataSetReader;
import io.github.p3o.text.DataSets;
import io.github.p3o.text.MalformedLines;
import io.github.p3o.text.Preference;
import io.github.p3o.text.PreferenceFormat;
import java.nio.file.Path;
import java.util.Optional;

/** How a line of a JSONL file is spelled, by its name on the command line. */
enum DataFormat {
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

  /** All preferences of a file. */
  ImmutableList<Preference> preferences(
      Path file, ChatTemplate template, MalformedLines malformed) {
    PreferenceFormat format =
        preferences.orElseThrow(
            () ->
                new UsageException(
                    "--format: expected preference, hh, messages or tldr, got " + this));
    try (DataSetReader<Preference> reader =
        DataSets.preferences(file, format, template, malformed)) {
      return ImmutableList.copyOf(reader);
    }
  }

  /** The prompts of a file, each once, in the order of the file. */
  ImmutableList<String> prompts(Path file, ChatTemplate template, MalformedLines malformed) {
    if (preferences.isPresent()) {
      return preferences(file, template, malformed).stream()
          .map(Preference::prompt)
          .distinct()
          .collect(ImmutableList.toImmutableList());
    }
    try (DataSetReader<String> reader = DataSets.prompts(file, malformed)) {
      return ImmutableList.copyOf(reader);
    }
  }

  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}
