package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.BatchShape;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.QuarterTurn;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What a graph of a model reads beside its parameters: placeholders, and what they hold. */
final class DecoderInputs {

  /** Token ids {@code [sequences · tokens]}. */
  static final String IDS = "p3o/ids";

  /** Rows of {@code [sequences · tokens]} whose hidden states are read. */
  static final String POSITIONS = "p3o/positions";

  /** The token that follows each position. */
  static final String TARGETS = "p3o/targets";

  /** 1 at response tokens {@code [sequences, responseTokens]}. */
  static final String RESPONSE_MASK = "p3o/responseMask";

  private static final String COLUMNS = "p3o/columns";
  private static final String QUERY_COSINES = "p3o/queryCosines";
  private static final String QUERY_SINES = "p3o/querySines";
  private static final String KEY_COSINES = "p3o/keyCosines";
  private static final String KEY_SINES = "p3o/keySines";
  private static final String CAUSAL_MASK = "p3o/causalMask";

  /**
   * Added to the score of what must not be seen: its weight is then exactly 0 in any float type.
   */
  static final double HIDDEN = -1e9;

  /**
   * Tables that turn heads by their position; they depend on the number of tokens alone.
   * Placeholders and no constants, since ND4J fails to differentiate some graphs that use a
   * constant twice.
   *
   * @param quarterTurn {@code [d, d]}
   * @param queryCosines {@code [T·H·d]}, scaled by 1/√d
   * @param querySines {@code [T·H·d]}, scaled by 1/√d
   * @param keyCosines {@code [T·K·d]}
   * @param keySines {@code [T·K·d]}
   */
  record Turns(
      SDVariable quarterTurn,
      SDVariable queryCosines,
      SDVariable querySines,
      SDVariable keyCosines,
      SDVariable keySines) {}

  private DecoderInputs() {}

  static Turns turns(SameDiff graph, DecoderModel model, RotaryTables rotary, int tokens) {
    DecoderConfig config = model.config();
    DataType type = model.type();
    int size = config.headSize();
    long ofQueries = (long) tokens * config.heads() * size;
    long ofKeys = (long) tokens * config.keyValueHeads() * size;
    return new Turns(
        QuarterTurn.matrix(graph, type, rotary.half(), size),
        graph.placeHolder(QUERY_COSINES, type, ofQueries),
        graph.placeHolder(QUERY_SINES, type, ofQueries),
        graph.placeHolder(KEY_COSINES, type, ofKeys),
        graph.placeHolder(KEY_SINES, type, ofKeys));
  }

  /** Added to scores {@code [T·T]}. */
  static SDVariable causalMask(SameDiff graph, DataType type, int tokens) {
    return graph.placeHolder(CAUSAL_MASK, type, (long) tokens * tokens);
  }

  /** 0, 1, … {@code [T]}: the rows of learned positions. */
  static SDVariable columns(SameDiff graph, int tokens) {
    return graph.placeHolder(COLUMNS, DataType.INT32, tokens);
  }

  /** Token ids and tables. */
  static void feedModel(Map<String, INDArray> feed, DecoderModel model, int tokens, int[] ids) {
    DataType type = model.type();
    double scale = 1 / Math.sqrt(model.config().headSize());
    RotaryTables rotary = model.rotary();
    if (rotary == null) {
      feed.put(COLUMNS, Nd4j.createFromArray(IntStream.range(0, tokens).toArray()));
    } else {
      feed.put(QuarterTurn.name(rotary.half()), rotary.quarterTurn(type));
      int heads = model.config().heads();
      int keyHeads = model.config().keyValueHeads();
      feed.put(QUERY_COSINES, rotary.cosines(type, tokens, heads, scale));
      feed.put(QUERY_SINES, rotary.sines(type, tokens, heads, scale));
      feed.put(KEY_COSINES, rotary.cosines(type, tokens, keyHeads, 1));
      feed.put(KEY_SINES, rotary.sines(type, tokens, keyHeads, 1));
    }
    feed.put(IDS, Nd4j.createFromArray(ids));
    double[] mask = new double[tokens * tokens];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = i % tokens > i / tokens ? HIDDEN : 0;
    }
    feed.put(CAUSAL_MASK, NativeArrays.of(type, mask, mask.length));
  }

  /**
   * The ids of prompt and response side by side from column 0, then zeros.
   *
   * @return {@code [sequences · tokens]}
   */
  static int[] ids(
      DecoderConfig config, BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    checkCount(shape, prompts.size());
    checkCount(shape, responses.size());
    checkIds(config, prompts, responses); // an unknown one would crash native code
    int[] ids = new int[shape.sequences() * shape.tokens()];
    for (int i = 0; i < prompts.size(); i++) {
      ImmutableIntArray prompt = prompts.get(i).tokens();
      ImmutableIntArray response = responses.get(i).tokens();
      checkArgument(
          prompt.length() + response.length() <= shape.tokens()
              && response.length() <= shape.responseTokens(),
          "responses[%s]: expected to fit %s, got prompt and response of %s and %s tokens",
          i,
          shape,
          prompt.length(),
          response.length());
      copy(prompt, ids, i * shape.tokens());
      copy(response, ids, i * shape.tokens() + prompt.length());
    }
    return ids;
  }

  /** The ids of prompts from column 0, then zeros: {@code [prompts · tokens]}. */
  static int[] ids(List<Prompt> prompts, int tokens) {
    int[] ids = new int[prompts.size() * tokens];
    for (int i = 0; i < prompts.size(); i++) {
      copy(prompts.get(i).tokens(), ids, i * tokens);
    }
    return ids;
  }

  private static void checkCount(BatchShape shape, int got) {
    checkArgument(
        got == shape.sequences(), "responses: expected %s, got %s", shape.sequences(), got);
  }

  private static void copy(ImmutableIntArray from, int[] to, int at) {
    for (int i = 0; i < from.length(); i++) {
      to[at + i] = from.get(i);
    }
  }

  /** Refuses ids that are not in the vocabulary. */
  static void checkIds(String name, int index, ImmutableIntArray tokens, int vocabularySize) {
    for (int i = 0; i < tokens.length(); i++) {
      checkArgument(
          tokens.get(i) < vocabularySize,
          "%s[%s].tokens[%s]: expected an id below %s, got %s",
          name,
          index,
          i,
          vocabularySize,
          tokens.get(i));
    }
  }

  /** The shape of a batch whose ids and lengths the model can read. */
  static BatchShape shape(DecoderConfig config, List<Prompt> prompts, List<Response> responses) {
    BatchShape shape = BatchShape.of(prompts, responses, config.maxPositions());
    checkIds(config, prompts, responses);
    return shape;
  }

  private static void checkIds(
      DecoderConfig config, List<Prompt> prompts, List<Response> responses) {
    for (int i = 0; i < prompts.size(); i++) {
      checkIds("prompts", i, prompts.get(i).tokens(), config.vocabularySize());
      checkIds("responses", i, responses.get(i).tokens(), config.vocabularySize());
    }
  }
}
