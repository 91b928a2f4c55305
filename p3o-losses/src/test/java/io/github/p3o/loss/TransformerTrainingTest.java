package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainerConfig;
import io.github.p3o.train.Comparison;
import io.github.p3o.train.RewardModelTrainer;
import io.github.p3o.transformer.TransformerPolicy;
import io.github.p3o.transformer.TransformerRewardModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** Whole training runs on a small language model. */
class TransformerTrainingTest {

  private static final int VOCABULARY = Cases.DECODER.vocabularySize();
  private static final int GOOD = 4;

  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1), Prompt.of(1, 3, 5), Prompt.of(1, 8));

  private static double goodTokens(Response response) {
    return response.tokens().asList().stream().filter(token -> token == GOOD).count();
  }

  @Test
  void train_rewardedToken_becomesFrequent() {
    TrainerConfig config =
        TrainerConfig.builder()
            .seed(3)
            .promptsPerStep(24)
            .promptsPerUpdate(24)
            .promptsPerMicroBatch(12)
            .optimizer(OptimizerConfig.adamW(0.01))
            .build();
    try (TransformerPolicy policy =
            TransformerPolicy.random(Cases.DECODER, DataType.FLOAT, 1).withTemperature(1.2);
        P3OTrainer trainer =
            P3OTrainer.builder(policy, P3OLoss.v2())
                .prompts(PromptSource.uniform(PROMPTS))
                .sampler(policy.sampler(8))
                .rewardModel(RewardModel.each((prompt, response) -> goodTokens(response)))
                .config(config)
                .build()) {
      StepMetrics first = trainer.step(); // refuses a sampler that does not score as the policy
      trainer.train(15);
      StepMetrics last = trainer.step();
      assertThat(first.values().get("objective/kl")).isBetween(-1e-4, 1e-4);
      assertThat(last.values().get("objective/scores"))
          .isGreaterThan(2 * first.values().getOrDefault("objective/scores", 0.0));
    }
  }

  @Test
  void rewardModel_ofComparisonsByATokenCount_ordersNewResponses() {
    Random random = new Random(1);
    try (TransformerPolicy policy = TransformerPolicy.random(Cases.DECODER, DataType.FLOAT, 1);
        TransformerRewardModel model = TransformerRewardModel.fromPolicy(policy);
        RewardModelTrainer trainer =
            new RewardModelTrainer(
                model, new BradleyTerryLoss(), OptimizerConfig.adamW(0.01), 32)) {
      for (int i = 0; i < 40; i++) {
        trainer.step(comparisons(random));
      }
      assertThat(trainer.evaluate(comparisons(random)).get("loss")).isLessThan(0.35);
    }
  }

  private static List<Comparison> comparisons(Random random) {
    List<Comparison> comparisons = new ArrayList<>();
    while (comparisons.size() < 32) {
      Response one = response(random);
      Response other = response(random);
      if (goodTokens(one) > goodTokens(other)) {
        comparisons.add(new Comparison(PROMPTS.get(random.nextInt(3)), one, other));
      }
    }
    return comparisons;
  }

  private static Response response(Random random) {
    return Response.of(random.ints(1 + random.nextInt(8), 3, VOCABULARY).toArray());
  }
}
