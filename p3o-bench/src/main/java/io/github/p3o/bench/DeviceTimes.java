package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Backend;
import io.github.p3o.BackendException;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.Rewards;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Prints what the backend takes for the pairwise gradient, sampling and training steps, each the
 * median of a few runs: {@code DeviceTimes [start]}, with start only which backend it is. Without
 * PyTorch, so that it runs where PyTorch cannot be brought.
 */
public final class DeviceTimes {

  private static final int RUNS = 5;
  private static final int NEW_TOKENS = 120;
  private static final int PROMPT = 8;

  private DeviceTimes() {}

  /** A measured piece of work. */
  private interface Work {
    void run();
  }

  /** Measures, or only starts the backend. */
  public static void main(String[] args) {
    try {
      print("%s", Backend.start());
    } catch (BackendException e) {
      System.err.println("p3o: " + e.getMessage());
      System.exit(1);
    }
    if (Arrays.asList(args).contains("start")) {
      return;
    }
    for (int power = 10; power <= 24; power += 7) {
      pairs(1 << power);
    }
    for (ModelSize size : ModelSize.values()) {
      model(size);
    }
  }

  private static void pairs(int pairs) {
    SplittableRandom random = new SplittableRandom(1);
    LogProbs old = LogProbs.ofFlat(2, random.doubles(2L * pairs, -120, -20).toArray());
    Rewards rewards = Rewards.ofFlat(2, random.doubles(2L * pairs, -1, 1).toArray());
    PairwiseBatch batch = PairwiseBatch.ofNumbers(old, old, rewards);
    try (LossEvaluator evaluator = new LossEvaluator(P3OLoss.v2())) {
      report("pairs " + pairs, () -> evaluator.evaluate(batch, old));
    }
  }

  private static void model(ModelSize size) {
    ImmutableList<Prompt> prompts =
        RandomPrompts.of(2, ModelTask.PAIRS, PROMPT, 0, size.vocabulary());
    TrainerConfig config =
        TrainerConfig.builder()
            .promptsPerStep(ModelTask.PAIRS)
            .promptsPerMicroBatch(ModelTask.PAIRS)
            .optimizer(OptimizerConfig.adamW(1e-5))
            .build();
    try (TransformerPolicy policy =
            TransformerPolicy.random(size.config(size.tokens()), DataType.FLOAT, 1);
        P3OTrainer trainer =
            P3OTrainer.builder(policy, P3OLoss.v2())
                .prompts(PromptSource.uniform(prompts))
                .sampler(policy.sampler(NEW_TOKENS))
                .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0) % 2))
                .config(config)
                .build()) {
      PairwiseBatch batch = trainer.rollout(0);
      report("sampling " + size, () -> trainer.rollout(0));
      report(
          "step " + size,
          () -> {
            Gradients gradients = trainer.gradients(batch);
            trainer.apply(gradients);
          });
    }
  }

  private static void report(String name, Work work) {
    work.run(); // plans, compiles, loads native code
    double[] seconds = new double[RUNS];
    for (int i = 0; i < RUNS; i++) {
      long start = System.nanoTime();
      work.run();
      seconds[i] = (System.nanoTime() - start) / 1e9;
    }
    Arrays.sort(seconds);
    print(
        "%-16s %.4f s, median of %d (%.4f to %.4f)",
        name, seconds[RUNS / 2], RUNS, seconds[0], seconds[RUNS - 1]);
  }

  private static void print(String format, Object... values) {
    System.out.printf(Locale.ROOT, format + "%n", values);
  }
}
