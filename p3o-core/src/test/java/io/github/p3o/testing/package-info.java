/** What the tests of several modules share. */
@NullMarked
package io.github.p3o.testing;

import org.jspecify.annotations.NullMarked;
