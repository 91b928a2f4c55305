package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Gradients;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.transformer.TransformerPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Prints where the time of a whole P3O step goes: {@code StepShares M1|M10|M40|DIR [steps]}. A step
 * is 64 prompts of 8 tokens, two responses of up to 48 to each, a reward that costs nothing, and 4
 * updates of all 64 pairs.
 */
public final class StepShares {

  private static final int PROMPTS = 64;
  private static final int PROMPT_TOKENS = 8;
  private static final int NEW_TOKENS = 48;
  private static final int UPDATES = 4;
  private static final int WARMUP = 3;

  private StepShares() {}

  /** Runs steps of a model of random weights, or of a Hugging Face directory. */
  public static void main(String[] args) {
    if (args.length < 1) {
      throw new IllegalArgumentException("expected M1|M10|M40|DIR [steps], got nothing");
    }
    int steps = args.length > 1 ? Integer.parseInt(args[1]) : 10;
    try (TransformerPolicy policy = policy(args[0]);
        P3OTrainer trainer = trainer(policy)) {
      trainer.train(WARMUP);
      Map<String, Double> seconds = new LinkedHashMap<>();
      long start = System.nanoTime();
      for (int i = 0; i < steps; i++) {
        StepMetrics metrics = trainer.step();
        add(seconds, "prompts, sampling", metrics.get("timing_s/sample"));
        add(seconds, "rewards, reference", metrics.get("timing_s/score"));
        add(seconds, "updates", metrics.get("timing_s/update"));
      }
      double whole = (System.nanoTime() - start) / 1e9;
      double known = seconds.values().stream().mapToDouble(Double::doubleValue).sum();
      add(seconds, "all else", whole - known);
      add(seconds, "whole step", whole);
      seconds.forEach((what, sum) -> print(what, sum / steps, sum / whole));
      double apply = shareOfApply(trainer, steps);
      double updates = seconds.getOrDefault("updates", Double.NaN);
      print("of updates: gradients", (1 - apply) * updates / steps, (1 - apply) * updates / whole);
      print("of updates: AdamW", apply * updates / steps, apply * updates / whole);
      System.out.printf(Locale.ROOT, "%-24s %9.0f%n", "tokens/s", steps * tokens(trainer) / whole);
    }
  }

  private static TransformerPolicy policy(String model) {
    return Files.isDirectory(Path.of(model))
        ? TransformerPolicy.load(Path.of(model))
        : TransformerPolicy.random(
            ModelSize.valueOf(model).config(PROMPT_TOKENS + NEW_TOKENS), DataType.FLOAT, 1);
  }

  private static P3OTrainer trainer(TransformerPolicy policy) {
    ImmutableList<Prompt> prompts =
        RandomPrompts.of(1, PROMPTS, PROMPT_TOKENS, 3, policy.config().vocabularySize());
    return P3OTrainer.builder(policy, P3OLoss.v2())
        .prompts(PromptSource.uniform(prompts))
        .sampler(policy.sampler(NEW_TOKENS))
        .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0) % 7))
        .config(
            TrainerConfig.builder()
                .promptsPerStep(PROMPTS)
                .promptsPerUpdate(PROMPTS)
                .promptsPerMicroBatch(16)
                .epochsPerStep(UPDATES)
                .optimizer(OptimizerConfig.adamW(1e-5))
                .build())
        .build();
  }

  private static void add(Map<String, Double> seconds, String what, double value) {
    seconds.merge(what, value, Double::sum);
  }

  /** The share of the optimiser in gradients and updates, of medians. */
  private static double shareOfApply(P3OTrainer trainer, int steps) {
    PairwiseBatch batch = trainer.rollout(0);
    double[] gradient = new double[steps];
    double[] apply = new double[steps];
    for (int i = 0; i < steps; i++) {
      long start = System.nanoTime();
      Gradients gradients = trainer.gradients(batch);
      long middle = System.nanoTime();
      trainer.apply(gradients);
      gradient[i] = middle - start;
      apply[i] = System.nanoTime() - middle;
    }
    Arrays.sort(gradient);
    Arrays.sort(apply);
    return apply[steps / 2] / (apply[steps / 2] + gradient[steps / 2]);
  }

  /** Of one rollout, prompts included. */
  private static int tokens(P3OTrainer trainer) {
    PairwiseBatch batch = trainer.rollout(1);
    int responses = batch.responses().stream().mapToInt(r -> r.tokens().length()).sum();
    return responses + 2 * PROMPTS * PROMPT_TOKENS;
  }

  private static void print(String what, double seconds, double share) {
    System.out.printf(Locale.ROOT, "%-24s %9.1f ms %5.1f %%%n", what, seconds * 1000, share * 100);
  }
}
