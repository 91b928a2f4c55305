/** Evidence about objectives and policies: certificates of invariance, and tournaments. */
@NullMarked
package io.github.p3o.examples.evidence;

import org.jspecify.annotations.NullMarked;
