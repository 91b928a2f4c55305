/**
 * Supervised training: fine-tuning of policies on given responses, reward models on comparisons.
 */
@NullMarked
package io.github.p3o.train;

import org.jspecify.annotations.NullMarked;
