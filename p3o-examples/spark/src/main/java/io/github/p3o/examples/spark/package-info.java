/** A program for {@code spark-submit}. */
@NullMarked
package io.github.p3o.examples.spark;

import org.jspecify.annotations.NullMarked;
