package io.github.p3o;

/**
 * An objective at one point.
 *
 * @param loss the mean over all pairs, minimised
 * @param gradient ∂loss/∂log π_θ(y|x) {@code [k][groups]}
 * @param statistics how far the policy has moved and what was clipped
 */
public record Evaluation(double loss, double[][] gradient, PairStatistics statistics) {}
