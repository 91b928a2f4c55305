package io.github.p3o;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradient of a mean loss over some prompts, not yet applied. To average across machines, weigh
 * the vectors by their prompts; those of an objective on tokens by their response tokens.
 *
 * @param vector ∂loss/∂parameters, in the order of {@link Parameters#vector} {@code [parameters]};
 *     owned by this value, which {@link P3OTrainer#apply} closes
 * @param loss the mean loss over the prompts
 * @param groups the number of prompts, of pairs where k = 2
 * @param logProbs log π_θ(y|x) at this point {@code [k, groups]}
 * @param statistics how far the policy has moved and what was clipped
 */
public record Gradients(
    INDArray vector, double loss, int groups, LogProbs logProbs, PairStatistics statistics)
    implements AutoCloseable {

  /** Frees the vector. */
  @Override
  public void close() {
    vector.close();
  }
}
