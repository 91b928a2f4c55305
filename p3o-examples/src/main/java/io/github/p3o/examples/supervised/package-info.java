/** What comes before alignment: supervised fine-tuning and reward models. */
@NullMarked
package io.github.p3o.examples.supervised;

import org.jspecify.annotations.NullMarked;
