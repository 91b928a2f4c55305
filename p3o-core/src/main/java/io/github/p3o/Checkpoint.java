package io.github.p3o;

import com.google.common.collect.ImmutableMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * All that a trainer needs to go on as if it had never stopped, as it is between two steps. Random
 * numbers follow from the seed and the step, so that no generator is among it.
 *
 * @param step steps that were done
 * @param settings what must be the same when training goes on, by name
 * @param states what the trainer's parts remember, by the name of the part
 * @param tensors parameters and moments, by name; of {@link Resumable#checkpoint} they are the
 *     trainer's own and valid until its next step, else the caller's to close
 */
public record Checkpoint(
    long step,
    ImmutableMap<String, String> settings,
    ImmutableMap<String, String> states,
    ImmutableMap<String, INDArray> tensors) {

  /** Checks the step. */
  public Checkpoint {
    if (step < 0) {
      throw new IllegalArgumentException("step: expected at least 0, got " + step);
    }
  }
}
