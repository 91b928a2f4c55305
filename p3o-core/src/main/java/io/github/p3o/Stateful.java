package io.github.p3o;

/**
 * What remembers something from step to step and takes part in checkpoints: a {@link PromptSource},
 * {@link PairSampler}, {@link RewardModel} or {@link TrainingListener} that also implements this. A
 * part whose answers follow from its arguments alone, the random generator included, needs it not.
 */
public interface Stateful {

  /**
   * What is remembered now, between two steps.
   *
   * @return text of any form; {@code Double.toString} keeps every bit of a number
   */
  String state();

  /**
   * Goes back to what was remembered.
   *
   * @param state what {@link #state} gave, perhaps in another process
   * @throws IllegalArgumentException for a text that {@link #state} never gives; the trainer then
   *     takes no step until it is restored as a whole
   */
  void restore(String state);
}
