package io.github.p3o.eval;

/**
 * A value and where it would mostly lie if the prompts were drawn again: a bootstrap interval of 95
 * %.
 *
 * @param value on the prompts as they are
 * @param low the 2.5th percentile over resampled prompts
 * @param high the 97.5th percentile
 */
public record Interval(double value, double low, double high) {}
