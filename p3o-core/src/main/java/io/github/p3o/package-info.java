/** Policies, pairs, losses and the trainer: what a host application uses. */
@NullMarked
package io.github.p3o;

import org.jspecify.annotations.NullMarked;
