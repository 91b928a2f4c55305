/**
 * Language models and what they are given: texts, prompts, known preferences; {@code p3o generate}.
 */
@NullMarked
package io.github.p3o.examples.language;

import org.jspecify.annotations.NullMarked;
