/** The whole way on a generated language. */
@NullMarked
package io.github.p3o.examples.quickstart;

import org.jspecify.annotations.NullMarked;
