/** Alignment with a reward by P3O and its rivals, and what is measured of it. */
@NullMarked
package io.github.p3o.examples.align;

import org.jspecify.annotations.NullMarked;
