/**
 * Not yours: what the library's own modules share. Nothing here is API, anything may change in any
 * release.
 */
@NullMarked
package io.github.p3o.internal;

import org.jspecify.annotations.NullMarked;
