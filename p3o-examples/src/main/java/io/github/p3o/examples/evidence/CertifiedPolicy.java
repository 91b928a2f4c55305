package io.github.p3o.examples.evidence;

import com.google.common.collect.ImmutableList;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.eval.TranslationCertificate;
import io.github.p3o.examples.align.Learner;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;

/** Small policies whose whole training takes a second. */
enum CertifiedPolicy {
  /** A softmax over 4 choices in each of 6 contexts, in float64. */
  TABULAR("tabular") {
    @Override
    double[] train(Learner learner, Settings settings, UnaryOperator<RewardModel> shift) {
      ImmutableList<Prompt> contexts =
          IntStream.range(0, 6).mapToObj(Prompt::of).collect(ImmutableList.toImmutableList());
      return learner.train(
          6,
          4,
          (trained, trainer) -> {
            run(trainer.sampler(trained.sampler()), contexts, settings, shift);
            return trained.parameters().vector().toDoubleVector();
          });
    }
  },

  /** A language model of two layers with random weights, in float32. */
  TRANSFORMER("transformer") {
    @Override
    double[] train(Learner learner, Settings settings, UnaryOperator<RewardModel> shift) {
      ImmutableList<Prompt> prompts =
          ImmutableList.of(
              Prompt.of(1), Prompt.of(1, 3, 5), Prompt.of(1, 8), Prompt.of(1, 4, 6, 7));
      try (TransformerPolicy policy =
          TransformerPolicy.random(MODEL, DataType.FLOAT, settings.seed())) {
        return learner.train(
            policy,
            (trained, trainer) -> {
              run(trainer.sampler(trained.sampler(MAX_TOKENS)), prompts, settings, shift);
              return trained.parameters().vector().toDoubleVector();
            });
      }
    }
  };

  /**
   * A training run.
   *
   * @param steps turns of sampling and updating
   * @param responses to each prompt
   * @param seed of everything
   */
  record Settings(int steps, int responses, long seed) {}

  private static final int MAX_TOKENS = 6;

  private static final DecoderConfig MODEL =
      DecoderConfig.llama(
          12, 16, 24, 2, 4, 2, 16, 1e-5, 10_000, true, OptionalInt.of(1), OptionalInt.of(2));

  /** Rewards are multiples of 2⁻²⁰, so that a shift of up to 10⁶ is exact. */
  private static final RewardModel REWARD =
      TranslationCertificate.rounded(RewardModel.each(CertifiedPolicy::reward), 20);

  private final String id;

  CertifiedPolicy(String id) {
    this.id = id;
  }

  /** An arbitrary reward that differs between responses. */
  private static double reward(Prompt prompt, Response response) {
    double sum = 0;
    for (int i = 0; i < response.length(); i++) {
      sum += Math.sin(1 + prompt.tokens().get(0) + 3 * response.tokens().get(i) + i);
    }
    return sum;
  }

  /** The parameters {@code [parameters]} at the end of a whole run. */
  abstract double[] train(Learner learner, Settings settings, UnaryOperator<RewardModel> shift);

  private static void run(
      P3OTrainer.Builder builder,
      ImmutableList<Prompt> prompts,
      Settings settings,
      UnaryOperator<RewardModel> shift) {
    TrainerConfig config =
        TrainerConfig.builder()
            .seed(settings.seed())
            .promptsPerStep(8)
            .responsesPerPrompt(settings.responses())
            .epochsPerStep(2)
            .promptsPerMicroBatch(8)
            .optimizer(OptimizerConfig.adamW(0.02))
            .build();
    try (P3OTrainer trainer =
        builder
            .prompts(PromptSource.uniform(prompts))
            .rewardModel(shift.apply(REWARD))
            .config(config)
            .build()) {
      trainer.train(settings.steps());
    }
  }

  @Override
  public String toString() {
    return id;
  }
}
