package io.github.p3o;

import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The tokens of sampled responses as variables of a graph: what an {@link ActorCriticLoss} is made
 * of. All are {@code [sequences, responseTokens]}, float64, and 0 at padding; log-probabilities in
 * nats. Only {@code logProbs} and {@code values} carry a gradient.
 *
 * @param logProbs log π_θ of each token
 * @param oldLogProbs log π_old of each token
 * @param values the policy's values now
 * @param oldValues its values at the time of the rollout
 * @param advantages of each token
 * @param returns what the values are fitted to
 */
public record TokenVariables(
    SDVariable logProbs,
    SDVariable oldLogProbs,
    SDVariable values,
    SDVariable oldValues,
    SDVariable advantages,
    SDVariable returns) {}
