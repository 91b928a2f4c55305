/** P3O on an Apache Spark cluster: rollouts, rewards and gradients on the executors. */
@NullMarked
package io.github.p3o.spark;

import org.jspecify.annotations.NullMarked;
