package io.github.p3o;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import io.github.p3o.internal.HealthRules;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Watches metrics for signs that a run goes wrong. A {@link P3OTrainer} has one of its own, which
 * tells its listeners; a host can give another what it measures itself, such as {@code eval/reward}
 * and {@code eval/gold} on held-out prompts. A metric that is not there is not watched.
 */
public final class HealthMonitor implements Stateful {

  private static final ImmutableSet<String> WATCHED =
      ImmutableSet.of(
          "objective/kl",
          "objective/entropy",
          "frac_zero_signal",
          "completions/mean_length",
          "completions/clipped_ratio",
          "policy/clipfrac_avg",
          "policy/effective_sample_fraction",
          "eval/reward",
          "eval/gold",
          "eval/reward_standard_error",
          "eval/gold_standard_error");

  private final HealthThresholds thresholds;
  private final List<ImmutableMap<String, Double>> first = new ArrayList<>();
  private final List<ImmutableMap<String, Double>> recent = new ArrayList<>();
  private final Set<HealthAlarm.Kind> active = EnumSet.noneOf(HealthAlarm.Kind.class);
  private ImmutableMap<String, Double> best = ImmutableMap.of();

  /**
   * A monitor that has seen nothing.
   *
   * @param thresholds such as {@link HealthThresholds#defaults}
   */
  public HealthMonitor(HealthThresholds thresholds) {
    this.thresholds = thresholds;
  }

  /**
   * Takes the metrics of a step into account.
   *
   * @param step from 0
   * @param metrics by name
   * @return alarms of what has begun with this step
   */
  public ImmutableList<HealthAlarm> observe(long step, Map<String, Double> metrics) {
    ImmutableMap<String, Double> now =
        ImmutableMap.copyOf(
            Maps.filterEntries(
                metrics, e -> WATCHED.contains(e.getKey()) && Double.isFinite(e.getValue())));
    if (gold(now) > gold(best)) {
      best = now;
    }
    if (first.size() < thresholds.window()) {
      first.add(now);
    }
    ImmutableList<HealthAlarm> alarms =
        new HealthRules(thresholds, step, now, first, recent, best).alarms();
    recent.add(now);
    if (recent.size() > thresholds.window()) {
      recent.remove(0);
    }
    return begun(alarms);
  }

  private static double gold(Map<String, Double> metrics) {
    return metrics.getOrDefault("eval/gold", Double.NEGATIVE_INFINITY);
  }

  private ImmutableList<HealthAlarm> begun(ImmutableList<HealthAlarm> alarms) {
    ImmutableList<HealthAlarm> begun =
        alarms.stream()
            .filter(alarm -> !active.contains(alarm.kind()))
            .collect(ImmutableList.toImmutableList());
    active.clear();
    alarms.forEach(alarm -> active.add(alarm.kind()));
    return begun;
  }

  @Override
  public String state() {
    return HealthRules.write(
        new HealthRules.Memory(
            ImmutableList.copyOf(first),
            ImmutableList.copyOf(recent),
            best,
            ImmutableSet.copyOf(active)));
  }

  @Override
  public void restore(String state) {
    HealthRules.Memory memory = HealthRules.read(state);
    first.clear();
    first.addAll(memory.first());
    recent.clear();
    recent.addAll(memory.recent());
    best = memory.best();
    active.clear();
    active.addAll(memory.active());
  }
}
