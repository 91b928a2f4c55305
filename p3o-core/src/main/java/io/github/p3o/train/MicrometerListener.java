package io.github.p3o.train;

import com.google.common.base.Ascii;
import io.github.p3o.HealthAlarm;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainingListener;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Shows training among a host's other meters (Micrometer, which the host adds to its class path):
 * of each metric the last value as a gauge, {@code objective/kl} as {@code p3o.objective.kl}; steps
 * and alarms as counters, {@code p3o.steps} and {@code p3o.alarms} with the tag {@code kind}.
 */
public final class MicrometerListener implements TrainingListener {

  private static final String PREFIX = "p3o.";

  private final MeterRegistry registry;
  private final Tags tags;
  private final Map<String, Double> last = new ConcurrentHashMap<>();

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
    metrics
        .values()
        .forEach(
            (name, value) -> {
              if (last.put(name, value) == null) {
                addGauge(name);
              }
            });
    registry.counter(PREFIX + "steps", tags).increment();
  }

  private void addGauge(String name) {
    Gauge.builder(PREFIX + name.replace('/', '.'), last, map -> map.getOrDefault(name, Double.NaN))
        .tags(tags)
        .register(registry);
  }

  @Override
  public void onAlarm(HealthAlarm alarm) {
    Tags ofKind = tags.and("kind", Ascii.toLowerCase(alarm.kind().name()));
    registry.counter(PREFIX + "alarms", ofKind).increment();
  }
}
