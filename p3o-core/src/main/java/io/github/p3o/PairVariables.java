package io.github.p3o;

import org.nd4j.autodiff.samediff.SDVariable;

/**
 * Pairs of responses to the same prompt as variables of a graph: what an objective is made of. All
 * are {@code [pairs]}, float64; log-probabilities in nats. Only {@code s1} and {@code s2} carry a
 * gradient.
 *
 * @param s1 log π_θ(y₁|x)
 * @param s2 log π_θ(y₂|x)
 * @param o1 log π_old(y₁|x)
 * @param o2 log π_old(y₂|x)
 * @param f1 log π_ref(y₁|x)
 * @param f2 log π_ref(y₂|x)
 * @param rewardDifference r₁ − r₂, subtracted in float64 before anything is rounded, so that a
 *     shift of both rewards by δ(x) is gone here
 */
public record PairVariables(
    SDVariable s1,
    SDVariable s2,
    SDVariable o1,
    SDVariable o2,
    SDVariable f1,
    SDVariable f2,
    SDVariable rewardDifference) {}
