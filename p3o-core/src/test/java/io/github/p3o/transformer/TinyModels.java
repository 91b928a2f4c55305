package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.testing.ImportanceSampledLoss;
import io.github.p3o.transformer.DecoderConfig.Activation;
import io.github.p3o.transformer.DecoderConfig.Bias;
import io.github.p3o.transformer.DecoderConfig.Residual;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;

/** Small random models for tests. */
final class TinyModels {

  static final int VOCABULARY = 11;
  static final int END = 2;

  /** A few sequences of unequal length. */
  static final ImmutableList<Prompt> PROMPTS = prompts(6, 8, VOCABULARY);

  static final ImmutableList<Response> RESPONSES = responses(6, 7, VOCABULARY);

  private TinyModels() {}

  /** Two layers; the widths of real models in small. */
  static DecoderConfig config(int headSize, int heads, int keyValueHeads, boolean tied) {
    return DecoderConfig.llama(
        VOCABULARY,
        heads * headSize,
        10,
        2,
        heads,
        keyValueHeads,
        30,
        1e-5,
        10_000,
        tied,
        OptionalInt.of(1),
        OptionalInt.of(END));
  }

  /** The usual one: four query heads over two key heads. */
  static DecoderConfig config() {
    return config(4, 4, 2, false);
  }

  /** One of each architecture, and of what differs within one. */
  static ImmutableList<DecoderConfig> architectures() {
    ImmutableSet<Bias> all = ImmutableSet.copyOf(Bias.values());
    ImmutableSet<Bias> feedForward = ImmutableSet.of(Bias.FEED_FORWARD);
    ImmutableSet<Bias> qkv = ImmutableSet.of(Bias.QUERY_KEY_VALUE);
    return ImmutableList.of(
        decoder(Architecture.GPT2, 0, Activation.GELU_TANH, Residual.SEQUENTIAL, all, true),
        decoder(Architecture.GPT2, 0, Activation.GELU, Residual.SEQUENTIAL, all, false),
        decoder(Architecture.GPT_NEOX, 2, Activation.GELU, Residual.PARALLEL, all, false),
        decoder(Architecture.GPT_NEOX, 4, Activation.GELU, Residual.SEQUENTIAL, all, false),
        decoder(
            Architecture.GPT_NEOX, 2, Activation.GELU_TANH, Residual.PARALLEL, feedForward, true),
        decoder(
            Architecture.LLAMA, 4, Activation.SILU, Residual.SEQUENTIAL, ImmutableSet.of(), true),
        decoder(Architecture.LLAMA, 4, Activation.SILU, Residual.SEQUENTIAL, all, false),
        decoder(Architecture.QWEN2, 4, Activation.SILU, Residual.SEQUENTIAL, qkv, true),
        decoder(
            Architecture.QWEN3, 6, Activation.SILU, Residual.SEQUENTIAL, ImmutableSet.of(), true));
  }

  private static DecoderConfig decoder(
      Architecture architecture,
      int rotary,
      Activation activation,
      Residual residual,
      ImmutableSet<Bias> biases,
      boolean tied) {
    return new DecoderConfig(
        architecture,
        VOCABULARY,
        16,
        10,
        2,
        4,
        architecture.isGated() ? 2 : 4,
        architecture == Architecture.QWEN3 ? rotary : 4,
        30,
        1e-5,
        rotary == 0 ? Optional.empty() : Optional.of(new DecoderConfig.Rotary(rotary, 10_000)),
        activation,
        residual,
        biases,
        tied,
        OptionalInt.of(1),
        ImmutableIntArray.of(END));
  }

  /** A policy whose probabilities are far from uniform. */
  static TransformerPolicy policy(DecoderConfig config, DataType type) {
    TransformerPolicy policy = TransformerPolicy.random(config, type, 5);
    scatter(policy.parameters());
    return policy;
  }

  /** Of {@link #RESPONSES} to {@link #PROMPTS} {@code [sequences]}. */
  static double[] logProbs(Policy policy) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 4)) {
      return scorer.logProbs(PROMPTS, RESPONSES);
    }
  }

  /** A trainer on {@link #PROMPTS} with a reward that follows from the first token. */
  static P3OTrainer.Builder trainer(TransformerPolicy policy) {
    return P3OTrainer.builder(policy, new ImportanceSampledLoss())
        .prompts(PromptSource.uniform(PROMPTS))
        .sampler(policy.sampler(6))
        .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0) % 3))
        .config(
            TrainerConfig.builder()
                .seed(3)
                .promptsPerStep(6)
                .promptsPerMicroBatch(4)
                .optimizer(OptimizerConfig.adamW(0.01))
                .build());
  }

  /** Adds noise of deviation 0.3 to every parameter. */
  static void scatter(Parameters parameters) {
    Random random = new Random(17);
    parameters.update(
        vector -> {
          for (long i = 0; i < vector.length(); i++) {
            vector.putScalar(i, vector.getDouble(i) + 0.3 * random.nextGaussian());
          }
        });
  }

  /** Prompts of 1 to {@code longest} random tokens. */
  static ImmutableList<Prompt> prompts(int count, int longest, int vocabulary) {
    Random random = new Random(3);
    ImmutableList.Builder<Prompt> prompts = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      prompts.add(Prompt.of(tokens(random, 1 + random.nextInt(longest), vocabulary)));
    }
    return prompts.build();
  }

  /** Responses of 1 to {@code longest} random tokens. */
  static ImmutableList<Response> responses(int count, int longest, int vocabulary) {
    Random random = new Random(4);
    ImmutableList.Builder<Response> responses = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      responses.add(Response.of(tokens(random, 1 + random.nextInt(longest), vocabulary)));
    }
    return responses.build();
  }

  private static int[] tokens(Random random, int count, int vocabulary) {
    return random.ints(count, 0, vocabulary).toArray();
  }
}
