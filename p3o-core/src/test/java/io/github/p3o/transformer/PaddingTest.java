package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.BatchShape;
import io.github.p3o.PolicyGraph;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Lengths travel with the data: what stands in padding, and how much of it, changes nothing. */
class PaddingTest {

  private static final int END = TinyModels.END;

  // The end token and the padding's own id 0 occur within prompts and responses.
  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1, END, 5, 0), Prompt.of(END), Prompt.of(0, 0, 3, 4, 9, 9, 1));
  private static final ImmutableList<Response> RESPONSES =
      ImmutableList.of(Response.of(4, 0, END), Response.of(END, END, 7, 0, 0), Response.of(END));

  private static double[] alone(TransformerPolicy policy) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 1)) {
      return scorer.logProbs(PROMPTS, RESPONSES);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void logProbs_whateverStandsInPadding_areTheSameToTheBit(DecoderConfig config) {
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.DOUBLE)) {
      BatchShape shape = new BatchShape(3, 24, 9);
      double[] withZeros = padded(policy, shape, 0);
      for (int id : new int[] {END, 1, 10}) {
        assertThat(padded(policy, shape, id)).isEqualTo(withZeros);
      }
      assertThat(withZeros).containsExactly(alone(policy), within(1e-12));
    }
  }

  /** Log-probabilities with every id behind a sequence replaced. */
  private static double[] padded(TransformerPolicy policy, BatchShape shape, int id) {
    PolicyGraph built = policy.build(shape);
    String output = built.logProbs().name();
    Map<String, INDArray> inputs = new HashMap<>(policy.feed(shape, PROMPTS, RESPONSES));
    INDArray ids = Result.array(inputs, DecoderInputs.IDS);
    for (int i = 0; i < shape.sequences(); i++) {
      int length = PROMPTS.get(i).tokens().length() + RESPONSES.get(i).length();
      for (int t = length; t < shape.tokens(); t++) {
        ids.putScalar((long) i * shape.tokens() + t, id);
      }
    }
    inputs.putAll(policy.parameters().asMap());
    try (Program program =
        Program.forward(built.graph(), policy.parameters().names(), List.of(output))) {
      return Result.array(program.run(inputs), output).toDoubleVector();
    }
  }

  /**
   * What left-padded rows hold is taken out by their lengths: positions begin at the first token.
   */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void logProbs_ofRowsPaddedOnEitherSide_areTheSame(DecoderConfig config) {
    int[] left = {END, END, END, 1, END, 5, 0};
    int[] right = {1, END, 5, 0, END, END, END};
    ImmutableList<Prompt> prompts =
        ImmutableList.of(
            Prompt.ofPadded(left, new int[] {0, 0, 0, 1, 1, 1, 1}),
            Prompt.ofPadded(right, new int[] {1, 1, 1, 1, 0, 0, 0}));
    ImmutableList<Response> responses =
        ImmutableList.of(
            Response.ofPadded(new int[] {END, 4, 0, END}, new int[] {0, 1, 1, 1}, true),
            Response.ofPadded(new int[] {4, 0, END, END}, new int[] {1, 1, 1, 0}, true));
    assertThat(responses).containsOnly(RESPONSES.get(0));
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.DOUBLE);
        PolicyScorer scorer = new PolicyScorer(policy, 2)) {
      double[] scored = scorer.logProbs(prompts, responses);
      assertThat(scored[0]).isEqualTo(scored[1]);
      assertThat(scored[0]).isCloseTo(alone(policy)[0], within(1e-12));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1 0 1, 'attentionMask[2]: expected 0, as tokens stand side by side, got 1'",
    "1 2 0, 'attentionMask[1]: expected 0, as tokens stand side by side, got 2'",
    "0 1, 'attentionMask: expected shape [3], got [2]'",
    "0 0 0, 'prompt.tokens: expected at least one token, got none'"
  })
  void ofPadded_withAMaskThatIsNoPadding_isRefusedByName(String mask, String message) {
    int[] values = Arrays.stream(mask.split(" ", -1)).mapToInt(Integer::parseInt).toArray();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Prompt.ofPadded(new int[] {4, 5, 6}, values))
        .withMessage(message);
  }

  /** The end token counts because it is in the response, not because of what it is. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void logProbs_ofAnEndToken_countOnlyWhereItWasDrawn(DecoderConfig config) {
    Prompt prompt = PROMPTS.get(0);
    Response cut = new Response(ImmutableIntArray.of(4, 0), false);
    Response ended = new Response(ImmutableIntArray.of(4, 0, END), true);
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.DOUBLE);
        PolicyScorer scorer = new PolicyScorer(policy, 4)) {
      double[] sums = scorer.logProbs(List.of(prompt, prompt), List.of(cut, ended));
      Prompt longer = Prompt.of(1, END, 5, 0, 4, 0);
      double ofEnd = scorer.logProbs(List.of(longer), List.of(Response.of(END)))[0];
      assertThat(ofEnd).isNegative();
      assertThat(sums[1]).isCloseTo(sums[0] + ofEnd, within(1e-12));
    }
  }

  /** A reward is read at the last token of the response, however long its neighbours are. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void score_besideLongerResponses_isThatOfTheLastRealToken(DecoderConfig config) {
    try (TransformerRewardModel model = TransformerRewardModel.random(config, DataType.DOUBLE, 5)) {
      TinyModels.scatter(model.parameters());
      double[] together = model.score(PROMPTS, RESPONSES);
      for (int i = 0; i < together.length; i++) {
        assertThat(together[i])
            .isCloseTo(
                model.score(PROMPTS.subList(i, i + 1), RESPONSES.subList(i, i + 1))[0],
                within(1e-12));
      }
    }
  }
}
