/**
 * One run of a command: its options, what a person sees of it, its directory, how it is stopped.
 */
@NullMarked
package io.github.p3o.examples.run;

import org.jspecify.annotations.NullMarked;
