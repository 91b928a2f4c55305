package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Gradients;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.transformer.Architecture;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * DPO on a trainer's pairs: its log-probabilities are sums over response tokens, and no token of
 * the prompt counts, in neither response of a pair.
 */
class OnlineDpoTrainingTest {

  private static final double BETA = 0.5;
  private static final int VOCABULARY = 9;

  /** Five and seven tokens: those at 0 to 3 are followed by tokens of a prompt alone. */
  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1, 3, 5, 7, 4), Prompt.of(1, 8, 6, 3, 3, 5, 8));

  private static final int OF_PROMPTS_ALONE = 4;

  /** One layer, with positions that are learned. */
  private static final DecoderConfig MODEL =
      new DecoderConfig(
          Architecture.GPT2,
          VOCABULARY,
          16,
          24,
          1,
          4,
          4,
          4,
          24,
          1e-5,
          Optional.empty(),
          DecoderConfig.Activation.GELU,
          DecoderConfig.Residual.SEQUENTIAL,
          ImmutableSet.copyOf(DecoderConfig.Bias.values()),
          false,
          OptionalInt.of(1),
          ImmutableIntArray.of(2));

  /**
   * A model whose attention adds nothing: what a token is given as the next one depends on the
   * token and on its position, so that the first positions' parameters change the log-probabilities
   * of prompts' tokens and of no others.
   */
  private static TransformerPolicy policy(long seed) {
    TransformerPolicy policy = TransformerPolicy.random(MODEL, DataType.DOUBLE, seed);
    Random random = new Random(seed);
    policy
        .parameters()
        .update(
            vector -> {
              for (long i = 0; i < vector.length(); i++) {
                vector.putScalar(i, vector.getDouble(i) + 0.3 * random.nextGaussian());
              }
              view(policy, vector, "transformer.h.0.attn.c_proj.weight").assign(0);
            });
    return policy;
  }

  private static INDArray view(TransformerPolicy policy, INDArray vector, String name) {
    return Objects.requireNonNull(policy.parameters().viewsInto(vector).get(name));
  }

  private static INDArray positions(TransformerPolicy policy, INDArray vector) {
    return view(policy, vector, "transformer.wpe.weight");
  }

  private static INDArray ofPrompts(TransformerPolicy policy, INDArray vector) {
    return positions(policy, vector)
        .get(NDArrayIndex.interval(0, OF_PROMPTS_ALONE), NDArrayIndex.all());
  }

  private static P3OTrainer trainer(TransformerPolicy policy, TransformerPolicy reference) {
    return P3OTrainer.builder(policy, new OnlineDpoLoss(BETA))
        .prompts(PromptSource.uniform(PROMPTS))
        .sampler(policy.sampler(9))
        .reference(reference)
        .rewardModel(
            RewardModel.each((prompt, response) -> response.length() + response.tokens().get(0)))
        .config(TrainerConfig.builder().promptsPerStep(12).promptsPerMicroBatch(5).build())
        .build();
  }

  /** log π of all tokens of a prompt but the first. */
  private static double[] ofPromptTokens(TransformerPolicy policy) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 2)) {
      return scorer.logProbs(
          PROMPTS.stream().map(prompt -> Prompt.of(prompt.tokens().get(0))).toList(),
          PROMPTS.stream()
              .map(prompt -> prompt.tokens().subArray(1, prompt.tokens().length()).toArray())
              .map(Response::of)
              .toList());
    }
  }

  /** Σ log π(yᵢ|x, y before i), each token by itself behind all that comes before it. */
  private static double[] ofResponseTokens(TransformerPolicy policy, PairwiseBatch batch) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 1)) {
      double[] sums = new double[batch.responses().size()];
      for (int i = 0; i < sums.length; i++) {
        int[] tokens = batch.promptOfEach().get(i).tokens().toArray();
        for (int token : batch.responses().get(i).tokens().toArray()) {
          sums[i] += scorer.logProbs(List.of(Prompt.of(tokens)), List.of(Response.of(token)))[0];
          tokens = Arrays.copyOf(tokens, tokens.length + 1);
          tokens[tokens.length - 1] = token;
        }
      }
      return sums;
    }
  }

  @Test
  void loss_isOfTheSumsOverResponseTokens() {
    try (TransformerPolicy policy = policy(1);
        TransformerPolicy reference = policy(2);
        P3OTrainer trainer = trainer(policy, reference)) {
      PairwiseBatch batch = trainer.rollout(0);
      double[] now = ofResponseTokens(policy, batch);
      double[] before = ofResponseTokens(reference, batch);
      int n = batch.groups();
      double sum = 0;
      for (int g = 0; g < n; g++) {
        double lead = now[g] - before[g] - (now[n + g] - before[n + g]);
        double sign = Math.signum(batch.rewards().get(0, g) - batch.rewards().get(1, g));
        sum += Math.log1p(Math.exp(-BETA * sign * lead));
      }

      try (Gradients gradients = trainer.gradients(batch)) {
        assertThat(gradients.loss()).isCloseTo(sum / n, within(1e-10));
        for (int response = 0; response < 2; response++) {
          assertThat(gradients.logProbs().row(response))
              .containsExactly(
                  Arrays.copyOfRange(now, response * n, (response + 1) * n), within(1e-10));
          assertThat(batch.referenceLogProbs().row(response))
              .containsExactly(
                  Arrays.copyOfRange(before, response * n, (response + 1) * n), within(1e-10));
        }
      }
    }
  }

  @Test
  void promptsOfBothResponses_countForNothing() {
    try (TransformerPolicy policy = policy(1);
        TransformerPolicy reference = policy(2);
        P3OTrainer trainer = trainer(policy, reference)) {
      PairwiseBatch batch = trainer.rollout(0);
      double[] prompts = ofPromptTokens(policy);
      try (Gradients gradients = trainer.gradients(batch)) {
        INDArray vector = gradients.vector();
        assertThat(ofPrompts(policy, vector).amaxNumber().doubleValue()).isZero();
        INDArray nextRow = positions(policy, vector).getRow(OF_PROMPTS_ALONE);
        assertThat(nextRow.amaxNumber().doubleValue()).isPositive();

        for (TransformerPolicy each : List.of(policy, reference)) {
          each.parameters().update(all -> ofPrompts(each, all).muli(-2));
        }
        double[] changed = ofPromptTokens(policy);
        for (int i = 0; i < prompts.length; i++) {
          assertThat(changed[i]).isNotCloseTo(prompts[i], within(0.1));
        }

        assertThat(trainer.rollout(0)).isEqualTo(batch); // the reference's log-probabilities too
        try (Gradients again = trainer.gradients(batch)) {
          assertThat(again.logProbs()).isEqualTo(gradients.logProbs());
          assertThat(again.loss()).isEqualTo(gradients.loss());
        }
      }
    }
  }
}
