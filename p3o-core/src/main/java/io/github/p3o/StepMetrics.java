package io.github.p3o;

import com.google.common.collect.ImmutableMap;

/**
 * What one training step measured. The names are the field's; docs/metrics.md defines each by a
 * formula.
 *
 * @param step from 0
 * @param values by metric name
 */
public record StepMetrics(long step, ImmutableMap<String, Double> values) {

  /**
   * One value.
   *
   * @param name the name of the metric
   * @return its value
   * @throws IllegalArgumentException if this step did not measure it
   */
  public double get(String name) {
    Double value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "name: expected one of " + values.keySet() + ", got " + name);
    }
    return value;
  }
}
