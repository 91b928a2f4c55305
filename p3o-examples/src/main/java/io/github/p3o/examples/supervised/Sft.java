package io.github.p3o.examples.supervised;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Policy;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.Saving;
import io.github.p3o.loss.SftLoss;
import io.github.p3o.train.Example;
import io.github.p3o.train.SftTrainer;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/** Fits a language model to given texts. */
public final class Sft {

  private Sft() {}

  /**
   * How long and how fast.
   *
   * @param steps updates
   * @param batch examples an update
   * @param atOnce examples whose gradients are computed at once
   * @param optimizer of as many updates
   * @param seed of the order
   */
  public record Settings(int steps, int batch, int atOnce, OptimizerConfig optimizer, long seed) {

    /** With the usual course of the learning rate. */
    public Settings(int steps, int batch, int atOnce, double learningRate, long seed) {
      this(steps, batch, atOnce, OptimizerOptions.usual(learningRate, steps), seed);
    }
  }

  /**
   * Trains a policy in place.
   *
   * @param training at least one example
   * @param heldOut to measure on, may be empty
   * @param saving of the stage {@code sft}
   * @return nats per token on the held-out examples before and after, NaN if there are none
   */
  public static double[] run(
      Policy policy,
      List<Example> training,
      List<Example> heldOut,
      Settings settings,
      Saving saving,
      Run run) {
    Batches<Example> batches =
        new Batches<>(training, settings.batch(), new SplittableRandom(settings.seed()));
    try (SftTrainer trainer =
        new SftTrainer(
            policy,
            new SftLoss(),
            settings.optimizer(),
            Math.min(settings.batch(), settings.atOnce()))) {
      double before = evaluate(trainer, heldOut);
      saving.begin(trainer);
      batches.skip(trainer.stepsDone());
      train(trainer, batches, settings, saving, run);
      double after = evaluate(trainer, heldOut);
      if (!run.interrupted() && !heldOut.isEmpty()) {
        run.directory()
            .metricsOnce("sft-held-out", settings.steps(), ImmutableMap.of("loss", after));
      }
      return new double[] {before, after};
    }
  }

  private static void train(
      SftTrainer trainer, Batches<Example> batches, Settings settings, Saving saving, Run run) {
    try (Console.Stage stage = run.console().stage("sft", settings.steps(), trainer.stepsDone())) {
      while (trainer.stepsDone() < settings.steps()) {
        long step = trainer.stepsDone();
        double loss = trainer.step(batches.next());
        run.directory().metrics("sft", step, ImmutableMap.of("loss", loss));
        stage.step(String.format(Locale.ROOT, "loss %.3f nats/token", loss));
        if (saving.endsAfterStep(trainer, settings.steps())) {
          break;
        }
      }
    }
  }

  private static double evaluate(SftTrainer trainer, List<Example> heldOut) {
    return heldOut.isEmpty() ? Double.NaN : trainer.evaluate(heldOut);
  }
}
