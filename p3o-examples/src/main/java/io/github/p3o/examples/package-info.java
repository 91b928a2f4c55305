/** Runnable programs and the {@code p3o} command line. */
@NullMarked
package io.github.p3o.examples;

import org.jspecify.annotations.NullMarked;
