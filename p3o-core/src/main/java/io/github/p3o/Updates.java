package io.github.p3o;

import io.github.p3o.HealthAlarm.Kind;
import io.github.p3o.internal.AdamW;
import io.github.p3o.internal.HealthRules;
import io.github.p3o.internal.RandomStreams;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** The updates of a step: mini-batches in random orders, the first checked for ratios of 1. */
final class Updates {

  /** Log-ratios beyond this before the first update are no rounding: float32 sums stay below. */
  private static final double MAX_INITIAL_LOG_RATIO = 0.01;

  /** Computes gradients, here or elsewhere. */
  @FunctionalInterface
  interface Learner {

    /** The gradient of the mean loss over a batch, the KL coefficient scaled. */
    Gradients gradients(PairwiseBatch batch, double klScale);
  }

  private final TrainerConfig config;
  private final Learner learner;
  private final AdamW optimizer;
  private final KlController klController;
  private final Consumer<HealthAlarm> alarms;

  Updates(
      TrainerConfig config,
      Learner learner,
      AdamW optimizer,
      KlController klController,
      Consumer<HealthAlarm> alarms) {
    this.config = config;
    this.learner = learner;
    this.optimizer = optimizer;
    this.klController = klController;
    this.alarms = alarms;
  }

  /**
   * Makes all updates of a step.
   *
   * @param staleness how many steps the policy that drew the rollout is behind; only at 0 are the
   *     first ratios 1
   */
  void on(
      PairwiseBatch rollout,
      long step,
      long staleness,
      RandomGenerator random,
      MetricsCollector metrics) {
    boolean atOldPolicy = staleness == 0;
    for (int epoch = 0; epoch < config.epochsPerStep(); epoch++) {
      int[] order = RandomStreams.permutation(rollout.groups(), random);
      for (int from = 0; from < order.length; from += config.promptsPerUpdate()) {
        int to = Math.min(from + config.promptsPerUpdate(), order.length);
        PairwiseBatch batch =
            rollout.select(IntStream.range(from, to).map(i -> order[i]).toArray());
        try (Gradients gradients = gradients(batch)) {
          if (atOldPolicy) {
            checkRatios(step, batch, gradients);
            atOldPolicy = false;
          }
          if (MetricsCollector.approximateKl(batch, gradients.logProbs())
              > config.maxApproximateKl()) {
            return;
          }
          double rate = optimizer.learningRate();
          metrics.addUpdate(batch, gradients, rate, optimizer.update(gradients.vector()));
        } catch (NonFiniteException e) {
          throw blame(batch, e);
        }
      }
    }
  }

  /** The gradient with β as it is in this step. */
  Gradients gradients(PairwiseBatch batch) {
    return learner.gradients(batch, klController.scale());
  }

  private void checkRatios(long step, PairwiseBatch batch, Gradients gradients) {
    if (config.ratioCheck() == TrainerConfig.RatioCheck.OFF) {
      return;
    }
    for (int i = 0; i < batch.responsesPerPrompt(); i++) {
      for (int g = 0; g < batch.groups(); g++) {
        double now = gradients.logProbs().get(i, g);
        double old = batch.oldLogProbs().get(i, g);
        if (Math.abs(now - old) > MAX_INITIAL_LOG_RATIO) {
          String message =
              String.format(
                  Locale.ROOT,
                  "sampler: expected the log-probability of the policy, %.6f, for response %d of"
                      + " pair %d, got %.6f; do sampling and scoring use the same temperature and"
                      + " truncation? Set ratioCheck OFF for responses of another policy",
                  now,
                  i,
                  batch.ids().get(g),
                  old);
          double ratio = Math.exp(now - old);
          alarms.accept(HealthRules.alarm(Kind.RATIO_NOT_ONE, step, ratio, 1, message));
          throw new IllegalStateException(message);
        }
      }
    }
  }

  /** The same exception, naming the first pair that is not finite by itself. */
  private NonFiniteException blame(PairwiseBatch batch, NonFiniteException e) {
    String message = String.valueOf(e.getMessage());
    if (message.contains(" of pair ")) {
      return e;
    }
    for (int g = 0; g < batch.groups(); g++) {
      if (!isFiniteAlone(batch.select(g))) {
        return new NonFiniteException(message + "; the cause is pair " + batch.ids().get(g));
      }
    }
    return e;
  }

  private boolean isFiniteAlone(PairwiseBatch pair) {
    try (Gradients gradients = gradients(pair)) {
      return Double.isFinite(AdamW.norm(gradients.vector()));
    } catch (NonFiniteException e) {
      return false;
    }
  }
}
