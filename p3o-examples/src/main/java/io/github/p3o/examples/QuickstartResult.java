package io.github.p3o.examples;

/**
 * What quickstart found.
 *
 * @param languageLoss of the language model on held-out stories, nats per token
 * @param labels the comparisons
 * @param calibration of the reward model
 * @param outcome of the alignments
 */
record QuickstartResult(
    double languageLoss, Labels labels, Calibration calibration, Outcome outcome) {}
