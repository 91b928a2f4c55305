package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
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
    return new DataSetReader<>(file, format::parse, malformedLines, DataSetReader.MAX_LINE_BYTES);
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
    return new DataSetReader<>(
        file, line -> Fields.text(line, "prompt"), malformedLines, DataSetReader.MAX_LINE_BYTES);
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
    return new DataSetReader<>(
        file, DataSets::completion, malformedLines, DataSetReader.MAX_LINE_BYTES);
  }

  private static Completion completion(ObjectNode line) throws MalformedLineException {
    return line.has("text")
        ? new Completion("", Fields.text(line, "text"))
        : new Completion(Fields.text(line, "prompt"), Fields.text(line, "completion"));
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
    checkArgument(
        heldOutFraction >= 0 && heldOutFraction < 1,
        "heldOutFraction: expected a value in [0, 1), got %s",
        heldOutFraction);
    ImmutableList.Builder<Preference> training = ImmutableList.builder();
    ImmutableList.Builder<Preference> heldOut = ImmutableList.builder();
    for (Preference preference : preferences) {
      boolean isHeldOut = place(preference.prompt(), seed) < heldOutFraction;
      (isHeldOut ? heldOut : training).add(preference);
    }
    return new Split(training.build(), heldOut.build());
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
