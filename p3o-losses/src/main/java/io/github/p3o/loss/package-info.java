/** P3O and its relatives among the objectives for pairwise feedback. */
@NullMarked
package io.github.p3o.loss;

import org.jspecify.annotations.NullMarked;
