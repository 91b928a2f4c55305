package io.github.p3o.train;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.HealthAlarm;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainingListener;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.HashSet;
import java.util.Set;

/**
 * Shows training among a host's other meters (Micrometer, which the host adds to its class path):
 * of each metric the value at the last step as a gauge, {@code objective/kl} as {@code
 * p3o.objective.kl}, and NaN, Micrometer's word for no value, if that step did not measure it;
 * steps and alarms as counters, {@code p3o.steps} and {@code p3o.alarms} with the tag {@code kind}.
 */
public final class MicrometerListener implements TrainingListener {

  private static final String PREFIX = "p3o.";

  private final MeterRegistry registry;
  private final Tags tags;
  private final Set<String> gauges = new HashSet<>();
  private volatile ImmutableMap<String, Double> last = ImmutableMap.of();

  /**
   * A listener of one training run.
   *
   * @param registry the host's
   * @param tags of all meters, such as the name of the run: two runs need different ones
   */
  public MicrometerListener(MeterRegistry registry, Tags tags) {
    this.registry = registry;
    this.tags = tags;
  }

  @Override
  public void onStep(StepMetrics metrics) {
    last = metrics.values();
    last.keySet().stream().filter(gauges::add).forEach(this::addGauge);
    registry.counter(PREFIX + "steps", tags).increment();
  }

  private void addGauge(String name) {
    Gauge.builder(PREFIX + name.replace('/', '.'), this, listener -> listener.value(name))
        .tags(tags)
        .register(registry);
  }

  private double value(String name) {
    return last.getOrDefault(name, Double.NaN);
  }

  @Override
  public void onAlarm(HealthAlarm alarm) {
    Tags ofKind = tags.and("kind", Ascii.toLowerCase(alarm.kind().name()));
    registry.counter(PREFIX + "alarms", ofKind).increment();
  }
}
