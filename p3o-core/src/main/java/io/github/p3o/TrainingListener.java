package io.github.p3o;

/**
 * Is told what happens in a training run, on the trainer's thread. What it throws ends the call of
 * {@link P3OTrainer#step}, once every listener was told; what others throw is suppressed in it.
 */
public interface TrainingListener {

  /**
   * A rollout was sampled and scored; nothing was updated yet.
   *
   * @param step from 0
   * @param rollout the pairs, with the rewards as the reward model gave them
   */
  default void onRollout(long step, PairwiseBatch rollout) {}

  /**
   * Something is wrong, or about to go wrong. Called after {@link #onStep}, or before the exception
   * of a step that fails.
   *
   * @param alarm what, and by how much
   */
  default void onAlarm(HealthAlarm alarm) {}

  /**
   * A step is done.
   *
   * @param metrics what it measured
   */
  default void onStep(StepMetrics metrics) {}
}
