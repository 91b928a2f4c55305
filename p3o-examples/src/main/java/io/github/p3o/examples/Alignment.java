package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Policy;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.Locale;

/** Aligns a language model and judges it on held-out prompts every few steps. */
final class Alignment {

  private Alignment() {}

  /**
   * How long and how.
   *
   * @param name of the stage, in metrics and progress
   * @param learner the objective
   * @param config of the trainer
   * @param steps turns of sampling and updating
   * @param evaluateEvery steps between judgements; there is one before the first step and one after
   *     the last
   * @param maxNewTokens the longest response
   */
  record Settings(
      String name,
      Learner learner,
      TrainerConfig config,
      int steps,
      int evaluateEvery,
      int maxNewTokens) {}

  /**
   * The policy after some steps.
   *
   * @param step steps done
   * @param judged what it answers to held-out prompts
   */
  record Point(int step, Judged judged) {}

  /**
   * Trains a policy in place.
   *
   * @param policy at the temperature that it is sampled and scored at
   * @param reference its frozen copy
   * @return what it was like before, on the way, and at the end
   */
  static ImmutableList<Point> run(
      TransformerPolicy policy,
      Policy reference,
      PromptSource prompts,
      RewardModel reward,
      Evaluator evaluator,
      Settings settings,
      Run run) {
    return settings
        .learner()
        .train(
            policy,
            (trained, trainer) ->
                run(
                    trained,
                    trainer.prompts(prompts).rewardModel(reward).reference(reference),
                    evaluator,
                    settings,
                    run));
  }

  private static ImmutableList<Point> run(
      TransformerPolicy policy,
      P3OTrainer.Builder builder,
      Evaluator evaluator,
      Settings settings,
      Run run) {
    ImmutableList.Builder<Point> points = ImmutableList.builder();
    try (P3OTrainer trainer =
            builder
                .sampler(policy.sampler(settings.maxNewTokens()))
                .config(settings.config())
                .listener(new MetricsListener(run.directory(), settings.name()))
                .build();
        Console.Stage stage = run.console().stage(settings.name(), settings.steps())) {
      Judged judged = judge(0, policy, evaluator, settings, run);
      points.add(new Point(0, judged));
      for (int step = 1; step <= settings.steps(); step++) {
        trainer.step();
        boolean last = step == settings.steps() || run.stopped();
        if (last || step % settings.evaluateEvery() == 0) {
          judged = judge(step, policy, evaluator, settings, run);
          points.add(new Point(step, judged));
        }
        stage.step(status(judged));
        if (last) {
          break;
        }
      }
    }
    return points.build();
  }

  private static String status(Judged judged) {
    return String.format(
        Locale.ROOT,
        "gold %.3f, reward %.3f, KL %.2f",
        judged.meanGold().mean(),
        judged.meanReward().mean(),
        judged.meanKl().mean());
  }

  private static Judged judge(
      int step, TransformerPolicy policy, Evaluator evaluator, Settings settings, Run run) {
    Judged judged = evaluator.judge(policy.sampler(settings.maxNewTokens()));
    run.directory().metrics(settings.name() + "-held-out", step, metrics(judged));
    return judged;
  }

  private static ImmutableMap<String, Double> metrics(Judged judged) {
    ImmutableMap.Builder<String, Double> metrics = ImmutableMap.builder();
    put(metrics, "eval/reward", judged.meanReward());
    put(metrics, "eval/gold", judged.meanGold());
    put(metrics, "eval/kl", judged.meanKl());
    put(metrics, "eval/length", judged.meanLength());
    if (!Double.isNaN(judged.meanWellFormed().mean())) {
      put(metrics, "eval/well_formed", judged.meanWellFormed());
    }
    return metrics.buildOrThrow();
  }

  private static void put(
      ImmutableMap.Builder<String, Double> metrics, String name, Estimate estimate) {
    metrics.put(name, estimate.mean()).put(name + "_standard_error", estimate.standardError());
  }
}
