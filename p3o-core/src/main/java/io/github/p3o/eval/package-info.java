/** Evidence about training runs. */
@NullMarked
package io.github.p3o.eval;

import org.jspecify.annotations.NullMarked;
