/** Where to begin: the {@code p3o} command line, and programs that use the library alone. */
@NullMarked
package io.github.p3o.examples;

import org.jspecify.annotations.NullMarked;
