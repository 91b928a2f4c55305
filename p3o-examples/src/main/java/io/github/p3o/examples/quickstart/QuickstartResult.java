package io.github.p3o.examples.quickstart;

import io.github.p3o.examples.align.Outcome;

/**
 * What quickstart found.
 *
 * @param models the language model and the reward model
 * @param outcome of the alignments
 */
record QuickstartResult(GrammarModels.Quality models, Outcome outcome) {}
