package io.github.p3o;

/**
 * A trainer that can be saved between two steps and go on in another process to the same bits. To
 * resume, build it as at the start, with the same model, and give it the checkpoint; {@link
 * io.github.p3o.train.Checkpoints} keeps them on disk.
 */
public interface Resumable {

  /**
   * How many steps were done, those before a resume included.
   *
   * @return ≥ 0
   */
  long stepsDone();

  /**
   * What is needed to go on from here.
   *
   * @return settings, states and tensors; the tensors stay the trainer's
   * @throws IllegalStateException within a step
   */
  Checkpoint checkpoint();

  /**
   * Goes back to a checkpoint. The model's parameters are overwritten.
   *
   * @param checkpoint of a trainer with the same settings and model
   * @throws IllegalArgumentException if a setting differs, or a tensor is missing or of another
   *     shape; each is named, and nothing was changed; or if a {@link Stateful} part refuses its
   *     state, after which nothing but another restore is allowed
   */
  void restore(Checkpoint checkpoint);
}
