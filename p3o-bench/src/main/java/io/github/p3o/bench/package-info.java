/** JMH benchmarks: each measures a part of the library beside a peer, in one run. */
@NullMarked
package io.github.p3o.bench;

import org.jspecify.annotations.NullMarked;
