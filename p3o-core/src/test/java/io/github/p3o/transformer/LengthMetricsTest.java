package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainerConfig;
import io.github.p3o.testing.ImportanceSampledLoss;
import io.github.p3o.testing.KeptRollouts;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** The metrics of responses of several lengths, one number at a time. */
class LengthMetricsTest {

  @Test
  void step_responsesOfSeveralLengths_measuresTheirFormulas() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    StepMetrics metrics;
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        TransformerPolicy reference =
            TransformerPolicy.random(TinyModels.config(), DataType.DOUBLE, 9);
        P3OTrainer trainer =
            P3OTrainer.builder(policy, new ImportanceSampledLoss())
                .prompts(PromptSource.uniform(TinyModels.prompts(5, 4, TinyModels.VOCABULARY)))
                .sampler(policy.sampler(9))
                .reference(reference)
                .rewardModel(RewardModel.each((prompt, response) -> response.length()))
                .config(TrainerConfig.builder().promptsPerStep(12).epochsPerStep(1).build())
                .listener(new KeptRollouts(rollouts))
                .build()) {
      metrics = trainer.step();
    }
    PairwiseBatch rollout = rollouts.get(0);
    double kl = 0;
    int tokens = 0;
    int shortest = Integer.MAX_VALUE;
    int longest = 0;
    int cut = 0;
    for (int i = 0; i < 24; i++) {
      Response response = rollout.responses().get(i);
      kl += rollout.oldLogProbs().values().get(i) - rollout.referenceLogProbs().values().get(i);
      tokens += response.tokens().length();
      shortest = Math.min(shortest, response.tokens().length());
      longest = Math.max(longest, response.tokens().length());
      cut += response.ended() ? 0 : 1;
    }
    assertThat(shortest).isLessThan(longest);
    assertThat(cut).isBetween(1, 23);
    assertThat(metrics.get("objective/kl")).isCloseTo(kl / 24, within(1e-12));
    assertThat(metrics.get("objective/kl_per_token")).isCloseTo(kl / tokens, within(1e-12));
    assertThat(metrics.get("completions/mean_length")).isCloseTo(tokens / 24.0, within(1e-12));
    assertThat(metrics.get("completions/min_length")).isEqualTo(shortest);
    assertThat(metrics.get("completions/max_length")).isEqualTo(longest);
    assertThat(metrics.get("completions/clipped_ratio")).isCloseTo(cut / 24.0, within(1e-12));
    assertThat(metrics.get("val/contain_eos_token")).isCloseTo(1 - cut / 24.0, within(1e-12));
  }
}
