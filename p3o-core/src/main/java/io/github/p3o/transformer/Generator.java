package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.Lists;
import com.google.common.primitives.Ints;
import io.github.p3o.Prompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Generates responses, many at a time. Prompts of unequal length are padded behind in the cache's
 * first columns; what is generated follows in the same column for all, each row's own padding stays
 * masked, and positions are those of the unpadded sequence.
 */
final class Generator {

  /** Native memory of the cache: 256 MiB of float32. */
  private static final long MAX_CACHE_ELEMENTS = 1 << 26;

  /** Of the attention scores while prompts are read: 64 MiB of float32. */
  private static final long MAX_SCORES = 1 << 24;

  /** Beyond this, more rows at a time are no faster. */
  private static final int MAX_ROWS = 256;

  /** Prompts are padded to a multiple of this. */
  private static final int PROMPT_STEP = 8;

  /** Attention looks at a multiple of this many columns, so that a step serves many tokens. */
  private static final int COLUMN_STEP = 32;

  private final DecoderConfig config;
  private final DecoderModel model;
  private final Prefill prefill;
  private final TokenDistribution distribution;
  private final int maxNewTokens;
  private final int maxRows;
  private long rowsDecoded;
  private int plans;

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
    this.distribution =
        new TokenDistribution(sampling, temperature, config.endTokens(), config.vocabularySize());
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
    int longest = 1;
    for (int i = 0; i < responses.size(); i++) {
      Prompt prompt = responses.get(i).prompt();
      checkRoom(i, prompt.tokens().length());
      DecoderInputs.checkIds("prompts", i, prompt.tokens(), config.vocabularySize());
      longest = Math.max(longest, prompt.tokens().length());
    }
    long ofRow = KeyValueCache.elementsOfRow(config, columns(promptColumns(longest)));
    int rows = Ints.constrainToRange((int) (MAX_CACHE_ELEMENTS / ofRow), 1, maxRows);
    try (DecoderWeights weights = new DecoderWeights(model, longest + maxNewTokens)) {
      Lists.partition(responses, rows).forEach(part -> completeTogether(part, weights));
    }
  }

  /** Rows of all decoding steps so far: what generation has cost beyond the prompts. */
  long rowsDecoded() {
    return rowsDecoded;
  }

  /** How often a step was planned anew. */
  int plans() {
    return plans;
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

  private void completeTogether(List<OpenResponse> responses, DecoderWeights weights) {
    int longest = responses.stream().mapToInt(r -> r.prompt().tokens().length()).max().orElse(1);
    int promptColumns = promptColumns(longest);
    try (KeyValueCache cache =
        new KeyValueCache(config, model.type(), responses.size(), columns(promptColumns))) {
      readPrompts(responses, promptColumns, cache);
      decode(responses, promptColumns, cache, weights);
    }
  }

  private int promptColumns(int longest) {
    return Math.min(roundUp(longest, PROMPT_STEP), config.maxPositions());
  }

  private int columns(int promptColumns) {
    return promptColumns + roundUp(maxNewTokens, COLUMN_STEP);
  }

  private static int roundUp(int value, int step) {
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
    long scores = (long) config.heads() * columns * columns;
    int together = Ints.constrainToRange((int) (MAX_SCORES / scores), 1, prompts.size());
    for (int first = 0; first < prompts.size(); first += together) {
      List<Prompt> part = prompts.subList(first, Math.min(first + together, prompts.size()));
      int begin = (int) Arrays.stream(promptOfRow).filter(belowIndex(first)).count();
      int end = (int) Arrays.stream(promptOfRow).filter(belowIndex(first + part.size())).count();
      int from = first;
      int[] origins = Arrays.stream(promptOfRow, begin, end).map(prompt -> prompt - from).toArray();
      double[] logits = prefill.run(part, columns, cache, begin, origins);
      for (int i = 0; i < origins.length; i++) {
        extend(responses.get(begin + i), logits, origins[i]);
      }
    }
  }

  private static IntPredicate belowIndex(int bound) {
    return index -> index < bound;
  }

  private void extend(OpenResponse response, double[] logits, int row) {
    response.extend(logits, row * config.vocabularySize(), distribution);
  }

  private void decode(
      List<OpenResponse> responses,
      int promptColumns,
      KeyValueCache cache,
      DecoderWeights weights) {
    List<OpenResponse> rows = responses;
    DecodeStep step = null;
    try {
      for (int column = promptColumns; column < promptColumns + maxNewTokens - 1; column++) {
        int[] open = openRows(rows);
        if (open.length == 0) {
          return;
        }
        if (step == null || column == step.columns() || isSparse(open.length, step.rows())) {
          plans++;
          close(step);
          cache.keep(open);
          rows = IntStream.of(open).mapToObj(rows::get).toList();
          int columns = Math.min(roundUp(column + 1, COLUMN_STEP), cache.columns());
          step = new DecodeStep(config, weights, cache, rows.size(), columns);
        }
        rowsDecoded += rows.size();
        extendOpen(rows, run(step, rows, promptColumns, column));
      }
    } finally {
      close(step);
    }
  }

  private void extendOpen(List<OpenResponse> rows, double[] logits) {
    for (int i = 0; i < rows.size(); i++) {
      if (!rows.get(i).ended()) {
        extend(rows.get(i), logits, i);
      }
    }
  }

  /** Whether an eighth has ended: a bound of 8/7 on what is computed, with few plans. */
  private static boolean isSparse(int open, int rows) {
    return 8 * open <= 7 * rows;
  }

  /**
   * Rows that go on, in an order that moves few: the last ones fill the gaps of those that ended.
   */
  private static int[] openRows(List<OpenResponse> rows) {
    int[] open = IntStream.range(0, rows.size()).filter(i -> !rows.get(i).ended()).toArray();
    int[] kept = new int[open.length];
    int last = open.length;
    for (int i = 0; i < kept.length; i++) {
      kept[i] = rows.get(i).ended() ? open[--last] : i;
    }
    return kept;
  }

  private static void close(@Nullable DecodeStep step) {
    if (step != null) {
      step.close();
    }
  }

  private static double[] run(
      DecodeStep step, List<OpenResponse> rows, int promptColumns, int column) {
    int[] ids = new int[rows.size()];
    int[] positions = new int[rows.size()];
    double[] mask = new double[rows.size() * step.columns()];
    Arrays.fill(mask, DecoderInputs.HIDDEN);
    for (int i = 0; i < ids.length; i++) {
      int promptLength = rows.get(i).prompt().tokens().length();
      ids[i] = rows.get(i).lastToken();
      positions[i] = promptLength + column - promptColumns;
      int begin = i * step.columns();
      Arrays.fill(mask, begin, begin + promptLength, 0);
      Arrays.fill(mask, begin + promptColumns, begin + column + 1, 0);
    }
    return step.run(ids, positions, column, mask);
  }
}
