package io.github.p3o.examples.supervised;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Lists;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Prompt;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainableRewardModel;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunDirectory;
import io.github.p3o.examples.run.Saving;
import io.github.p3o.loss.BradleyTerryLoss;
import io.github.p3o.train.Comparison;
import io.github.p3o.train.RewardModelTrainer;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/** Fits a reward model to comparisons by Bradley–Terry, and measures it on others. */
public final class RewardFit {

  /** Of the running means that the progress shows. */
  private static final double SMOOTHING = 0.9;

  private RewardFit() {}

  /**
   * How long and how fast.
   *
   * @param steps updates
   * @param batch comparisons an update
   * @param atOnce comparisons whose gradients are computed at once
   * @param optimizer of as many updates
   * @param objective with its margin and centering
   * @param seed of the order
   */
  public record Settings(
      int steps,
      int batch,
      int atOnce,
      OptimizerConfig optimizer,
      BradleyTerryLoss objective,
      long seed) {

    /** With the usual course of the learning rate. */
    public Settings(
        int steps,
        int batch,
        int atOnce,
        double learningRate,
        BradleyTerryLoss objective,
        long seed) {
      this(steps, batch, atOnce, OptimizerOptions.usual(learningRate, steps), objective, seed);
    }
  }

  /** Trains a reward model in place. */
  public static void run(
      TrainableRewardModel model,
      List<Comparison> training,
      Settings settings,
      Saving saving,
      Run run) {
    Batches<Comparison> batches =
        new Batches<>(training, settings.batch(), new SplittableRandom(settings.seed()));
    try (RewardModelTrainer trainer =
        new RewardModelTrainer(
            model, settings.objective(), settings.optimizer(), settings.atOnce())) {
      saving.begin(trainer);
      batches.skip(trainer.stepsDone());
      train(trainer, batches, settings, saving, run);
    }
  }

  private static void train(
      RewardModelTrainer trainer,
      Batches<Comparison> batches,
      Settings settings,
      Saving saving,
      Run run) {
    try (Console.Stage stage =
        run.console().stage("reward model", settings.steps(), trainer.stepsDone())) {
      double accuracy = 0.5;
      while (trainer.stepsDone() < settings.steps()) {
        long step = trainer.stepsDone();
        Map<String, Double> means = trainer.step(batches.next());
        double now = means.getOrDefault("rewards/accuracies", Double.NaN);
        accuracy = SMOOTHING * accuracy + (1 - SMOOTHING) * now;
        run.directory().metrics("reward", step, means);
        stage.step(String.format(Locale.ROOT, "training accuracy %.3f", accuracy));
        if (saving.endsAfterStep(trainer, settings.steps())) {
          break;
        }
      }
    }
  }

  /** Accuracy, loss and calibration on comparisons that it was not fitted to. */
  public static Calibration measure(
      RewardModel model, List<Comparison> heldOut, int atOnce, RunDirectory run) {
    ImmutableDoubleArray.Builder margins = ImmutableDoubleArray.builder(heldOut.size());
    for (List<Comparison> part : Lists.partition(heldOut, atOnce)) {
      ImmutableList<Prompt> prompts =
          part.stream().map(Comparison::prompt).collect(ImmutableList.toImmutableList());
      double[] chosen =
          model.score(
              prompts,
              part.stream().map(Comparison::chosen).collect(ImmutableList.toImmutableList()));
      double[] rejected =
          model.score(
              prompts,
              part.stream().map(Comparison::rejected).collect(ImmutableList.toImmutableList()));
      for (int i = 0; i < chosen.length; i++) {
        margins.add(chosen[i] - rejected[i]);
      }
    }
    Calibration calibration = Calibration.of(margins.build().toArray());
    run.metricsOnce(
        "reward-held-out",
        0,
        ImmutableMap.of(
            "rewards/accuracies", calibration.accuracy().mean(),
            "loss", calibration.loss().mean(),
            "calibration_error", calibration.expectedError()));
    return calibration;
  }
}
