/** Tokenizers and preference data sets. */
@NullMarked
package io.github.p3o.text;

import org.jspecify.annotations.NullMarked;
