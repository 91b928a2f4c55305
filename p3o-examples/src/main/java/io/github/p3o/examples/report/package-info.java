/** What a run or a study has left, as pages, charts and numbers with their errors. */
@NullMarked
package io.github.p3o.examples.report;

import org.jspecify.annotations.NullMarked;
