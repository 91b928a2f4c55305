package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Rewards;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * P3O-V2 on 16 pairs of texts of 128 tokens, 8 of them a prompt, by the library: weights, texts and
 * rewards are {@link Numbers}, and the policy that sampled is the one at the start.
 */
final class ModelWork implements AutoCloseable {

  static final int PAIRS = 16;
  static final int PROMPT = 8;
  static final OptimizerConfig OPTIMIZER = OptimizerConfig.adamW(1e-5);

  private static final long REWARDS = 1_000_000; // the index of the first, behind all tokens

  private final TransformerPolicy policy;
  private final PolicyScorer scorer;
  private final P3OTrainer trainer;
  private final int[] tokens;
  private final PairwiseBatch batch;

  ModelWork(ModelSize size, DataType type) {
    policy = policy(size, size.tokens(), type);
    scorer = new PolicyScorer(policy, 2 * PAIRS);
    tokens = Numbers.below(size.vocabulary(), 0, 2 * PAIRS * size.tokens());
    for (int i = 0; i < PAIRS; i++) { // the two texts of a pair have the same prompt
      System.arraycopy(tokens, i * size.tokens(), tokens, (PAIRS + i) * size.tokens(), PROMPT);
    }
    List<Prompt> prompts = new ArrayList<>();
    List<Response> responses = new ArrayList<>();
    for (int i = 0; i < 2 * PAIRS; i++) {
      int[] text = Arrays.copyOfRange(tokens, i * size.tokens(), (i + 1) * size.tokens());
      prompts.add(Prompt.of(Arrays.copyOf(text, PROMPT)));
      responses.add(Response.of(Arrays.copyOfRange(text, PROMPT, text.length)));
    }
    LogProbs old = LogProbs.ofFlat(2, scorer.logProbs(prompts, responses));
    batch =
        new PairwiseBatch(
            ImmutableLongArray.copyOf(LongStream.range(0, PAIRS)),
            ImmutableList.copyOf(prompts.subList(0, PAIRS)),
            ImmutableList.copyOf(responses),
            old,
            old,
            Rewards.ofFlat(2, Numbers.between(-1, 1, REWARDS, 2 * PAIRS)));
    trainer =
        P3OTrainer.builder(policy, P3OLoss.v2())
            .prompts(PromptSource.uniform(List.copyOf(batch.prompts())))
            .sampler(policy.sampler(1))
            .rewardModel(RewardModel.each((prompt, response) -> 0))
            .config(
                TrainerConfig.builder()
                    .promptsPerStep(PAIRS)
                    .promptsPerMicroBatch(PAIRS)
                    .optimizer(OPTIMIZER)
                    .build())
            .build();
  }

  /**
   * A policy whose weights are {@link Numbers}, from an index that the name gives: matrices within
   * ±0.035, which is a deviation of 0.02, and norms within 1 ± 0.1.
   */
  static TransformerPolicy policy(ModelSize size, int positions, DataType type) {
    TransformerPolicy policy = TransformerPolicy.random(size.config(positions), type, 1);
    policy
        .parameters()
        .update(
            vector ->
                policy
                    .parameters()
                    .viewsInto(vector)
                    .forEach((name, view) -> fill(view, name.hashCode() & 0x7FFF_FFFF)));
    return policy;
  }

  private static void fill(INDArray view, long first) {
    int count = Math.toIntExact(view.length());
    double[] values =
        view.rank() > 1
            ? Numbers.between(-0.035, 0.035, first, count)
            : Numbers.between(0.9, 1.1, first, count);
    try (INDArray array = Nd4j.create(values, view.shape(), view.dataType())) {
      view.assign(array);
    }
  }

  TransformerPolicy policy() {
    return policy;
  }

  PairwiseBatch batch() {
    return batch;
  }

  /** Of all texts {@code [2 × pairs × tokens]}, the first ones of the pairs first. */
  long[] ids() {
    return IntStream.of(tokens).asLongStream().toArray();
  }

  /** Log-probabilities, loss, gradients, clipping of their norm, AdamW; the loss before it. */
  double step() {
    Gradients gradients = trainer.gradients(batch);
    trainer.apply(gradients);
    return gradients.loss();
  }

  /** log π of each text, without a gradient. */
  double[] scores() {
    return scorer.logProbs(batch.promptOfEach(), batch.responses());
  }

  @Override
  public void close() {
    trainer.close();
    scorer.close();
    policy.close();
  }
}
