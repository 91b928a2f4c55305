package io.github.p3o.spark;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.Gradients;
import java.io.Serializable;

/**
 * What a task says of its pairs beside their gradient.
 *
 * @param logProbs log π_θ(y|x), row-major {@code [k, groups]}
 * @param loss its share of the mean loss
 * @param diagnostics its share of the means
 * @param seconds that computing took
 */
record PartResult(
    ImmutableDoubleArray logProbs,
    double loss,
    ImmutableMap<String, Double> diagnostics,
    double seconds)
    implements Serializable {

  static PartResult of(Gradients gradients, double seconds) {
    return new PartResult(
        gradients.logProbs().values(),
        gradients.loss(),
        gradients.statistics().diagnostics(),
        seconds);
  }
}
