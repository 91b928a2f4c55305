package io.github.p3o;

import com.google.common.base.Throwables;
import com.google.common.collect.ImmutableList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The listeners of a trainer: each is told everything, whatever others throw. What was thrown first
 * is thrown at the end, with the rest suppressed.
 */
final class Listeners {

  private final ImmutableList<TrainingListener> listeners;

  Listeners(List<TrainingListener> listeners) {
    this.listeners = ImmutableList.copyOf(listeners);
  }

  void onRollout(long step, PairwiseBatch rollout) {
    tell(ImmutableList.of(listener -> listener.onRollout(step, rollout)));
  }

  void onAlarm(HealthAlarm alarm) {
    tell(ImmutableList.of(listener -> listener.onAlarm(alarm)));
  }

  /** A step, and then its alarms. */
  void onStep(StepMetrics metrics, List<HealthAlarm> alarms) {
    ImmutableList.Builder<Consumer<TrainingListener>> events = ImmutableList.builder();
    events.add(listener -> listener.onStep(metrics));
    alarms.forEach(alarm -> events.add(listener -> listener.onAlarm(alarm)));
    tell(events.build());
  }

  private void tell(List<Consumer<TrainingListener>> events) {
    Throwable first = null;
    for (Consumer<TrainingListener> event : events) {
      for (TrainingListener listener : listeners) {
        try {
          event.accept(listener);
        } catch (RuntimeException | Error e) {
          first = withSuppressed(first, e);
        }
      }
    }
    if (first != null) {
      Throwables.throwIfUnchecked(first);
    }
  }

  /** The first of two exceptions, which may be the same one. */
  static Throwable withSuppressed(@Nullable Throwable first, Throwable next) {
    if (first == null) {
      return next;
    }
    if (first != next) {
      first.addSuppressed(next);
    }
    return first;
  }
}
