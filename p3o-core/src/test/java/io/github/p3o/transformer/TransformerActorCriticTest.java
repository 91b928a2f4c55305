package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Doubles;
import io.github.p3o.Policy;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.internal.Result;
import io.github.p3o.internal.Scorer;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** A language model with a value head. */
class TransformerActorCriticTest {

  private static final ImmutableList<Prompt> PROMPTS =
      TinyModels.prompts(4, 5, TinyModels.VOCABULARY);
  private static final ImmutableList<Response> RESPONSES =
      TinyModels.responses(4, 6, TinyModels.VOCABULARY);

  private final TransformerPolicy policy =
      TinyModels.policy(TinyModels.config(), DataType.DOUBLE).withTemperature(0.7);
  private final TransformerActorCritic model = TransformerActorCritic.fromPolicy(policy);

  @TempDir Path directory;

  @AfterEach
  void close() {
    policy.close();
    model.close();
  }

  private static double[] logProbs(Policy policy) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 4)) {
      return scorer.logProbs(PROMPTS, RESPONSES);
    }
  }

  /** {@code [sequences][tokens]}. */
  private double[][] values(List<Response> responses) {
    double[][] all = new double[responses.size()][];
    try (Scorer scorer =
        new Scorer(
            "test",
            model,
            shape -> ImmutableMap.of("values", model.buildWithValues(shape).tokenValues()),
            responses.size())) {
      scorer.run(
          PROMPTS,
          responses,
          (from, to, results) -> {
            double[][] part = Result.rows(results, "values", responses);
            System.arraycopy(part, 0, all, from, part.length);
          });
    }
    return all;
  }

  private void setHead(double value) {
    model
        .parameters()
        .update(
            vector ->
                Result.array(model.parameters().viewsInto(vector), DecoderTensors.SCORE)
                    .assign(value));
  }

  @Test
  void fromPolicy_ofAnyPolicy_isThatPolicyWithValuesOfZero() {
    assertThat(logProbs(model)).containsExactly(logProbs(policy), within(1e-12));
    assertThat(model.policy().temperature()).isEqualTo(0.7);
    assertThat(Doubles.concat(values(RESPONSES))).containsOnly(0);
    assertThat(model.parameters().count())
        .isEqualTo(policy.parameters().count() + policy.config().hiddenSize());
  }

  @Test
  void fromPolicy_ofAnyPolicy_sharesNothingWithIt() {
    double[] before = logProbs(policy);
    model.parameters().update(vector -> vector.muli(0.5));

    assertThat(logProbs(policy)).isEqualTo(before);
    assertThat(logProbs(model)).isNotEqualTo(before);
  }

  /**
   * An adapter and its head over the policy's own weights: nothing of the model's size is copied.
   */
  @Test
  void fromPolicy_ofAnAdaptedPolicy_trainsAdapterAndHeadOverTheSameWeights() {
    LoraConfig lora = LoraTest.everywhere(policy.config());
    try (TransformerPolicy adapted = policy.withAdapter(lora, 1)) {
      TinyModels.scatter(adapted.parameters());
      double[] reference = logProbs(policy);
      double[] before = logProbs(adapted);
      try (TransformerActorCritic both = TransformerActorCritic.fromPolicy(adapted)) {
        assertThat(logProbs(both)).isEqualTo(before);
        assertThat(both.parameters().count())
            .isEqualTo(adapted.parameters().count() + policy.config().hiddenSize());
        assertThat(LoraTest.weights(both.policy())).isSameAs(policy.parameters().vector());
        assertThat(both.policy().adapter()).contains(lora);

        both.parameters().update(vector -> vector.muli(0.5));
        double[] after = logProbs(both);
        assertThat(after).isNotEqualTo(before);
        assertThat(logProbs(adapted)).isEqualTo(before);
        assertThat(logProbs(policy)).isEqualTo(reference);

        both.policy().saveAdapter(directory);
        both.exportTo(adapted);
        assertThat(logProbs(adapted)).isEqualTo(after);
        try (TransformerPolicy loaded = policy.loadAdapter(directory);
            TransformerPolicy merged = both.policy().merged()) {
          assertThat(loaded.parameters().names()).isEqualTo(adapted.parameters().names());
          assertThat(logProbs(merged)).containsExactly(after, within(1e-10));
        }
        assertThatThrownBy(() -> both.exportTo(policy))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageMatching("target: expected the adapter .*LoraConfig.*, got Optional.empty");
      }
    }
  }

  @Test
  void values_beforeAToken_dependOnWhatIsBeforeItAlone() {
    setHead(0.3);
    double[][] expected = values(RESPONSES);
    ImmutableList<Response> others =
        RESPONSES.stream()
            .map(
                response -> {
                  int[] tokens = response.tokens().toArray();
                  tokens[tokens.length - 1] = (tokens[tokens.length - 1] + 1) % 11;
                  return Response.of(tokens);
                })
            .collect(ImmutableList.toImmutableList());
    double[][] actual = values(others);

    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).hasSize(RESPONSES.get(i).length()).doesNotContain(0);
      assertThat(actual[i]).containsExactly(expected[i], within(1e-12));
    }
  }

  @Test
  void save_ofItsPolicy_leavesTheHeadOut() {
    setHead(0.3);
    model.policy().save(directory);

    try (TransformerPolicy loaded = TransformerPolicy.load(directory, DataType.DOUBLE)) {
      assertThat(loaded.parameters().names())
          .isEqualTo(policy.parameters().names())
          .doesNotContain(DecoderTensors.SCORE);
      assertThat(logProbs(loaded.withTemperature(0.7)))
          .containsExactly(logProbs(policy), within(1e-5)); // float32 in the file
    }
  }

  @Test
  void exportTo_aModelOfTheSameSizes_givesItTheWeights() {
    model.parameters().update(vector -> vector.muli(0.5));
    model.exportTo(policy);

    assertThat(logProbs(policy)).containsExactly(logProbs(model), within(1e-12));
    assertThat(policy.parameters().names()).doesNotContain(DecoderTensors.SCORE);
  }

  @Test
  void exportTo_aModelOfOtherSizes_isRefused() {
    try (TransformerPolicy other =
        TransformerPolicy.random(TinyModels.config(2, 6, 2, true), DataType.DOUBLE, 1)) {
      assertThatThrownBy(() -> model.exportTo(other))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("target: expected a model of DecoderConfig[");
    }
  }

  @Test
  void frozenCopy_afterAnUpdate_keepsItsLogProbabilities() {
    double[] before = logProbs(model);
    try (TransformerPolicy copy = model.frozenCopy()) {
      model.parameters().update(vector -> vector.addi(Nd4j.scalar(DataType.DOUBLE, 0.1)));

      assertThat(logProbs(copy)).isEqualTo(before);
      assertThat(logProbs(model)).isNotEqualTo(before);
    }
  }

  @Test
  void policy_ofAModel_samplesFromIt() {
    model.parameters().update(vector -> vector.muli(0)); // uniform
    Samples samples = model.policy().sampler(1).sample(PROMPTS, 1, new SplittableRandom(1));

    assertThat(samples.behaviour().values().asList())
        .allMatch(logProb -> Math.abs(logProb + Math.log(TinyModels.VOCABULARY)) < 1e-9);
  }
}
