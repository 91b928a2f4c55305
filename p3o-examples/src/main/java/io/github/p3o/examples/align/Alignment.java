package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.HealthMonitor;
import io.github.p3o.HealthThresholds;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Policy;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.examples.report.Estimate;
import io.github.p3o.examples.report.JudgedOn;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.Saving;
import io.github.p3o.text.TextCodec;
import io.github.p3o.transformer.SamplingConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Aligns a language model and judges it every few steps. */
public final class Alignment {

  /** In rollouts.jsonl, of a step: enough to read, and little beside a model. */
  private static final int PROMPTS_SHOWN = 8;

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
   * @param sampling the longest response, and what ends one
   * @param checkpointEvery steps between checkpoints; 0 for none
   * @param judgedOn which prompts the evaluator has
   */
  public record Settings(
      String name,
      Learner learner,
      TrainerConfig config,
      int steps,
      int evaluateEvery,
      SamplingConfig sampling,
      int checkpointEvery,
      JudgedOn judgedOn) {}

  /**
   * The policy after some steps.
   *
   * @param step steps done
   * @param judged what it answers to the prompts that it is judged on
   */
  public record Point(int step, Judged judged) {}

  /**
   * Trains a policy in place.
   *
   * @param policy at the temperature that it is sampled and scored at
   * @param reference its frozen copy
   * @return what it was like before, on the way, and at the end
   */
  public static ImmutableList<Point> run(
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
    Saving saving =
        settings.checkpointEvery() == 0
            ? Saving.never(settings.name(), run)
            : Saving.every(settings.checkpointEvery(), settings.name(), run);
    MetricsListener listener = new MetricsListener(run, settings.name());
    try (P3OTrainer trainer =
        builder
            .sampler(policy.sampler(settings.sampling()))
            .config(settings.config())
            .listener(listener)
            .listener(samples(evaluator.codec(), settings, run))
            .build()) {
      saving.begin(trainer);
      HealthMonitor health = new HealthMonitor(HealthThresholds.defaults());
      ImmutableList<Point> before = Evaluations.upTo(trainer.stepsDone(), settings, run);
      before.forEach(point -> health.observe(point.step(), metrics(point.judged())));
      Judge judge =
          step -> {
            Judged judged = judge(step, policy, evaluator, settings, run);
            // The step that led here: metrics.jsonl counts steps from 0.
            health.observe(Math.max(0, step - 1), metrics(judged)).forEach(listener::onAlarm);
            return judged;
          };
      return run(trainer, saving, judge, before, settings, run);
    }
  }

  private static SamplesListener samples(TextCodec codec, Settings settings, Run run) {
    return new SamplesListener(
        run.directory().rollouts(),
        settings.name(),
        codec,
        settings.evaluateEvery(),
        PROMPTS_SHOWN);
  }

  /** Judges the policy after so many steps. */
  private interface Judge {
    Judged after(long step);
  }

  private static ImmutableList<Point> run(
      P3OTrainer trainer,
      Saving saving,
      Judge judge,
      ImmutableList<Point> before,
      Settings settings,
      Run run) {
    List<Point> points = new ArrayList<>(before);
    if (points.isEmpty()) {
      points.add(new Point(0, judge.after(0)));
    }
    try (Console.Stage stage =
        run.console().stage(settings.name(), settings.steps(), trainer.stepsDone())) {
      while (trainer.stepsDone() < settings.steps()) {
        trainer.step();
        int step = Math.toIntExact(trainer.stepsDone());
        boolean last =
            step == settings.steps() || (run.stopped() && settings.checkpointEvery() == 0);
        if (last || step % settings.evaluateEvery() == 0) {
          points.add(new Point(step, judge.after(step)));
        }
        stage.step(status(points.get(points.size() - 1).judged()));
        if (saving.endsAfterStep(trainer, settings.steps()) || last) {
          break;
        }
      }
    }
    return ImmutableList.copyOf(points);
  }

  private static String status(Judged judged) {
    return String.format(
        Locale.ROOT,
        "%sreward %.3f, KL %.2f",
        judged.gold().equals(judged.reward())
            ? "" // one is the other
            : String.format(Locale.ROOT, "gold %.3f, ", judged.meanGold().mean()),
        judged.meanReward().mean(),
        Math.round(100 * judged.meanKl().mean()) / 100.0); // rounded first: no "-0.00"
  }

  private static Judged judge(
      long step, TransformerPolicy policy, Evaluator evaluator, Settings settings, Run run) {
    Judged judged = evaluator.judge(policy, policy.sampler(settings.sampling()));
    run.directory().metrics(settings.name() + settings.judgedOn().suffix(), step, metrics(judged));
    if (settings.checkpointEvery() > 0) {
      Evaluations.save(step, judged, run);
    }
    return judged;
  }

  /** What is measured of a judgement, by name. */
  static ImmutableMap<String, Double> metrics(Judged judged) {
    ImmutableMap.Builder<String, Double> metrics = ImmutableMap.builder();
    put(metrics, "eval/reward", judged.meanReward());
    put(metrics, "eval/gold", judged.meanGold());
    put(metrics, "eval/kl", judged.meanKl());
    put(metrics, "eval/kl_k3", judged.meanKl3());
    put(metrics, "eval/mean_length", judged.meanLength());
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
