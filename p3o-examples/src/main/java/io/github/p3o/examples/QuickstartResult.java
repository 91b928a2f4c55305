package io.github.p3o.examples;

/**
 * What quickstart found.
 *
 * @param models the language model and the reward model
 * @param outcome of the alignments
 */
record QuickstartResult(GrammarModels.Quality models, Outcome outcome) {}
