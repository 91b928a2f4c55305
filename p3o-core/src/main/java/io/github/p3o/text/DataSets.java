package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;

/** Opens preference data sets and splits them. */
public final class DataSets {

  /** 2⁻⁵³: the upper 53 bits of a hash, times this, are evenly spread over [0, 1). */
  private static final double ULP = 0x1p-53;

  private DataSets() {}

  /**
   * Opens a data set of preferences; a malformed line stops the reading.
   *
   * @param file JSON lines, plain or gzip
   * @param format how a line spells a preference
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<Preference> preferences(Path file, PreferenceFormat format) {
    return preferences(file, format, MalformedLines.STOP);
  }

  /**
   * Opens a data set of preferences.
   *
   * @param file JSON lines, plain or gzip
   * @param format how a line spells a preference
   * @param malformedLines what happens at a line that does not hold what it should
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<Preference> preferences(
      Path file, PreferenceFormat format, MalformedLines malformedLines) {
    return preferences(file, format, ChatTemplate.HH, malformedLines);
  }

  /**
   * Opens a data set of preferences.
   *
   * @param file JSON lines, plain or gzip
   * @param format how a line spells a preference
   * @param template writes lists of messages as text; {@link ChatTemplate#HH} by default
   * @param malformedLines what happens at a line that does not hold what it should
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<Preference> preferences(
      Path file, PreferenceFormat format, ChatTemplate template, MalformedLines malformedLines) {
    return reader(file, line -> format.parse(line, template), malformedLines);
  }

  /**
   * Opens a data set of prompts.
   *
   * @param file JSON lines, plain or gzip
   * @param format how a line spells a prompt
   * @param template writes lists of messages as text
   * @param malformedLines what happens at a line that does not hold what it should
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<String> prompts(
      Path file, PromptFormat format, ChatTemplate template, MalformedLines malformedLines) {
    return reader(file, line -> format.parse(line, template), malformedLines);
  }

  /**
   * Opens a data set to imitate.
   *
   * @param file JSON lines, plain or gzip
   * @param format how a line spells a prompt and what follows it
   * @param template writes lists of messages as text
   * @param malformedLines what happens at a line that does not hold what it should
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<Completion> completions(
      Path file, CompletionFormat format, ChatTemplate template, MalformedLines malformedLines) {
    return reader(file, line -> format.parse(line, template), malformedLines);
  }

  private static <T> DataSetReader<T> reader(
      Path file, DataSetReader.Parser<T> parser, MalformedLines malformedLines) {
    return new DataSetReader<>(file, parser, malformedLines, DataSetReader.MAX_LINE_BYTES);
  }

  /**
   * Examples in another order, without holding more than some of them: each one that is given is
   * drawn from the next {@code bufferSize}. The same seed gives the same order.
   *
   * @param examples such as a reader, which stays the caller's to close
   * @param bufferSize at least 1; one keeps the order, as many as there are shuffle it whole
   * @param seed of the order
   * @param <T> of an example
   * @return each example once
   * @throws IllegalArgumentException for a smaller buffer
   */
  public static <T> Iterator<T> shuffled(Iterator<T> examples, int bufferSize, long seed) {
    checkArgument(bufferSize >= 1, "bufferSize: expected at least 1, got %s", bufferSize);
    return new ShuffleBuffer<>(examples, bufferSize, seed);
  }

  /**
   * Opens a data set of prompts, lines of {@code {"prompt": …}}; a malformed line stops the
   * reading.
   *
   * @param file JSON lines, plain or gzip
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<String> prompts(Path file) {
    return prompts(file, MalformedLines.STOP);
  }

  /**
   * Opens a data set of prompts, lines of {@code {"prompt": …}}.
   *
   * @param file JSON lines, plain or gzip
   * @param malformedLines what happens at a line that does not hold what it should
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<String> prompts(Path file, MalformedLines malformedLines) {
    return prompts(file, PromptFormat.TEXT, ChatTemplate.HH, malformedLines);
  }

  /**
   * Opens a data set to imitate, lines of {@code {"prompt": …, "completion": …}} or, for texts
   * without a prompt, {@code {"text": …}}.
   *
   * @param file JSON lines, plain or gzip
   * @param malformedLines what happens at a line that does not hold what it should
   * @return the reader; the caller closes it
   * @throws DataSetException if the file cannot be opened
   */
  public static DataSetReader<Completion> completions(Path file, MalformedLines malformedLines) {
    return completions(file, CompletionFormat.TEXT, ChatTemplate.HH, malformedLines);
  }

  /**
   * Two parts of a data set without a prompt in common.
   *
   * @param training to learn from
   * @param heldOut to measure on
   */
  public record Split(ImmutableList<Preference> training, ImmutableList<Preference> heldOut) {}

  /**
   * Splits by a hash of the prompt and the seed: all preferences of one prompt come to the same
   * side, and a prompt stays on its side when others are added or the order changes.
   *
   * @param preferences in any order, which both sides keep
   * @param heldOutFraction of the prompts, in [0, 1); met on average, as each prompt is drawn for
   *     itself
   * @param seed another seed draws other prompts
   * @return both parts
   * @throws IllegalArgumentException for a fraction outside [0, 1)
   */
  public static Split split(List<Preference> preferences, double heldOutFraction, long seed) {
    checkFraction(heldOutFraction);
    ImmutableList.Builder<Preference> training = ImmutableList.builder();
    ImmutableList.Builder<Preference> heldOut = ImmutableList.builder();
    for (Preference preference : preferences) {
      boolean held = isHeldOut(preference.prompt(), heldOutFraction, seed);
      (held ? heldOut : training).add(preference);
    }
    return new Split(training.build(), heldOut.build());
  }

  /**
   * On which side of {@link #split} a prompt is: to split a data set while it is read.
   *
   * @param prompt any text
   * @param heldOutFraction of all prompts, in [0, 1)
   * @param seed of the split
   * @return whether it is held out; always the same for the same arguments
   * @throws IllegalArgumentException for a fraction outside [0, 1)
   */
  public static boolean isHeldOut(String prompt, double heldOutFraction, long seed) {
    checkFraction(heldOutFraction);
    return place(prompt, seed) < heldOutFraction;
  }

  private static void checkFraction(double heldOutFraction) {
    checkArgument(
        heldOutFraction >= 0 && heldOutFraction < 1,
        "heldOutFraction: expected a value in [0, 1), got %s",
        heldOutFraction);
  }

  /** Where in [0, 1) a prompt falls. */
  private static double place(String prompt, long seed) {
    long hash =
        Hashing.murmur3_128()
            .newHasher()
            .putLong(seed)
            .putString(prompt, StandardCharsets.UTF_8)
            .hash()
            .asLong();
    return (hash >>> 11) * ULP;
  }
}
