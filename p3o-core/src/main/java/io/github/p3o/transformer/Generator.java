package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.Lists;
import com.google.common.math.IntMath;
import com.google.common.primitives.Ints;
import io.github.p3o.Prompt;
import io.github.p3o.internal.Tasks;
import io.github.p3o.transformer.Decoding.Logits;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Generates responses, many at a time. Prompts of unequal length are padded behind in the cache's
 * first columns; positions are those of the unpadded sequence.
 */
final class Generator {

  /** Native memory of the cache: 512 MiB of float32. */
  private static final long MAX_CACHE_ELEMENTS = 1 << 27;

  /** Of the attention scores while prompts are read: 64 MiB of float32. */
  private static final long MAX_SCORES = 1 << 24;

  /** Beyond this, more rows at a time are no faster. */
  private static final int MAX_ROWS = 256;

  /** Prompts are padded to a multiple of this. */
  private static final int PROMPT_STEP = 8;

  private final DecoderConfig config;
  private final DecoderModel model;
  private final Prefill prefill;
  private final SamplingConfig sampling;
  private final TokenDistribution[] distributions; // of each thread
  private final int maxNewTokens;
  private final int maxRows;
  private long rowsDecoded;

  Generator(DecoderModel model, Prefill prefill, double temperature, SamplingConfig sampling) {
    this(model, prefill, temperature, sampling, MAX_ROWS);
  }

  /** With another limit of the responses that are generated at a time. */
  Generator(
      DecoderModel model,
      Prefill prefill,
      double temperature,
      SamplingConfig sampling,
      int maxRows) {
    this.config = model.config();
    this.model = model;
    this.prefill = prefill;
    this.sampling = sampling;
    this.distributions =
        Stream.generate(
                () ->
                    new TokenDistribution(
                        sampling, temperature, config.endTokens(), config.vocabularySize()))
            .limit(RowWorkers.TASKS)
            .toArray(TokenDistribution[]::new);
    this.maxNewTokens = sampling.maxNewTokens();
    this.maxRows = maxRows;
  }

  /**
   * Extends every response to its end or to the limit.
   *
   * @param responses empty ones; neighbours with the same prompt share the work on it
   * @throws IllegalArgumentException if a prompt leaves no room, or an id is unknown
   */
  void complete(List<OpenResponse> responses) {
    if (responses.isEmpty()) {
      return;
    }
    int longest = 1;
    for (int i = 0; i < responses.size(); i++) {
      Prompt prompt = responses.get(i).prompt();
      checkRoom(i, prompt.tokens().length());
      DecoderInputs.checkIds("prompts", i, prompt.tokens(), config.vocabularySize());
      longest = Math.max(longest, prompt.tokens().length());
    }
    int columns = columns(promptColumns(longest));
    long ofRow = KeyValueCache.elementsOfRow(config, columns);
    int rows = rowsTogether(ofRow, responses.size(), maxRows);
    try (KeyValueCache cache = new KeyValueCache(config, model.type(), rows, columns);
        Decoding decoding = Decoding.of(model, cache, longest + maxNewTokens)) {
      Lists.partition(responses, rows).forEach(part -> completeTogether(part, cache, decoding));
      rowsDecoded += decoding.rowsComputed();
    }
  }

  /** How many responses are generated at a time: parts of about one size whose cache fits. */
  static int rowsTogether(long elementsOfRow, int responses, int maxRows) {
    int fitting = Ints.constrainToRange((int) (MAX_CACHE_ELEMENTS / elementsOfRow), 1, maxRows);
    int parts = IntMath.divide(responses, fitting, RoundingMode.CEILING);
    return IntMath.divide(responses, parts, RoundingMode.CEILING);
  }

  /** How many prompts are read at a time. */
  static int promptsTogether(int heads, int columns, int prompts) {
    long scores = (long) heads * columns * columns;
    return Ints.constrainToRange((int) (MAX_SCORES / scores), 1, prompts);
  }

  /** Rows of all decoding steps so far: what generation has cost beyond the prompts. */
  long rowsDecoded() {
    return rowsDecoded;
  }

  private void checkRoom(int index, int length) {
    checkArgument(
        length <= config.maxPositions() - maxNewTokens,
        "prompts[%s].tokens: expected at most %s (%s positions, of them %s for new tokens), got %s",
        index,
        config.maxPositions() - maxNewTokens,
        config.maxPositions(),
        maxNewTokens,
        length);
  }

  private void completeTogether(
      List<OpenResponse> responses, KeyValueCache cache, Decoding decoding) {
    int[] lengths = responses.stream().mapToInt(r -> r.prompt().tokens().length()).toArray();
    int promptColumns = promptColumns(Ints.max(lengths));
    readPrompts(responses, promptColumns, cache);
    decoding.begin(lengths, promptColumns);
    for (int drawn = 1; drawn < maxNewTokens; drawn++) {
      int[] open =
          IntStream.range(0, lengths.length).filter(i -> !responses.get(i).ended()).toArray();
      if (open.length == 0) {
        return;
      }
      List<OpenResponse> going = IntStream.of(open).mapToObj(responses::get).toList();
      int[] ids = going.stream().mapToInt(OpenResponse::lastToken).toArray();
      int[] positions = going.stream().mapToInt(OpenResponse::lastPosition).toArray();
      extend(going, decoding.next(open, ids, positions));
    }
  }

  private int promptColumns(int longest) {
    return Math.min(roundUp(longest, PROMPT_STEP), config.maxPositions());
  }

  private int columns(int promptColumns) {
    return promptColumns + roundUp(maxNewTokens, PlannedDecoding.COLUMN_STEP);
  }

  static int roundUp(int value, int step) {
    return (value + step - 1) / step * step;
  }

  /** Fills the cache and chooses the first token of each response. */
  private void readPrompts(List<OpenResponse> responses, int columns, KeyValueCache cache) {
    List<Prompt> prompts = new ArrayList<>();
    int[] promptOfRow = new int[responses.size()];
    for (int row = 0; row < promptOfRow.length; row++) {
      Prompt prompt = responses.get(row).prompt();
      if (prompts.isEmpty() || !prompts.get(prompts.size() - 1).equals(prompt)) {
        prompts.add(prompt);
      }
      promptOfRow[row] = prompts.size() - 1;
    }
    int together = promptsTogether(config.heads(), columns, prompts.size());
    for (int first = 0; first < prompts.size(); first += together) {
      List<Prompt> part = prompts.subList(first, Math.min(first + together, prompts.size()));
      int begin = (int) Arrays.stream(promptOfRow).filter(belowIndex(first)).count();
      int end = (int) Arrays.stream(promptOfRow).filter(belowIndex(first + part.size())).count();
      int from = first;
      int[] origins = Arrays.stream(promptOfRow, begin, end).map(prompt -> prompt - from).toArray();
      double[] logits = prefill.run(part, columns, cache, begin, origins);
      int length = config.vocabularySize();
      extend(
          responses.subList(begin, end),
          (i, into) -> System.arraycopy(logits, origins[i] * length, into, 0, length));
    }
  }

  private static IntPredicate belowIndex(int bound) {
    return index -> index < bound;
  }

  /** Chooses a token for each; every one has random numbers of its own, whoever computes it. */
  private void extend(List<OpenResponse> responses, Logits logits) {
    int rows = responses.size();
    int tasks = Math.min(rows, distributions.length);
    Tasks.each(
        tasks,
        task -> {
          for (int i = task * rows / tasks; i < (task + 1) * rows / tasks; i++) {
            responses.get(i).extend(logits, i, distributions[task]);
          }
        });
    responses.forEach(response -> response.settle(sampling.stopRules()));
  }
}
