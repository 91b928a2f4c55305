/** Decoder language models as policies and reward models. */
@NullMarked
package io.github.p3o.transformer;

import org.jspecify.annotations.NullMarked;
