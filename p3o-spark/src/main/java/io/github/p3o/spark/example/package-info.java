/** A program for {@code spark-submit}. */
@NullMarked
package io.github.p3o.spark.example;

import org.jspecify.annotations.NullMarked;
