package io.github.p3o;

import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The log-probabilities of a batch of responses and the values of their tokens, as variables of one
 * graph.
 *
 * @param policy the log-probabilities
 * @param tokenValues before each token, an estimate of the rewards from there to the end of the
 *     response {@code [sequences, responseTokens]}; whatever at padding
 */
public record ActorCriticGraph(PolicyGraph policy, SDVariable tokenValues) {}
