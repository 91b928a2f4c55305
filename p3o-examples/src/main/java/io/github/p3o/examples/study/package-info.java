/** Studies: many alignments, compared by reward against KL. */
@NullMarked
package io.github.p3o.examples.study;

import org.jspecify.annotations.NullMarked;
