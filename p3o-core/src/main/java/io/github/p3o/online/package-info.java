/** Learning from a service's own users: feedback comes in, better versions of the policy go out. */
@NullMarked
package io.github.p3o.online;

import org.jspecify.annotations.NullMarked;
