package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.HealthAlarm;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainingListener;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.StepLog;
import java.util.Locale;

/**
 * Writes what each training step measured, and alarms, to metrics.jsonl; alarms are shown, too.
 *
 * @param run where to
 * @param stage of the run
 */
record MetricsListener(Run run, String stage) implements TrainingListener {

  @Override
  public void onStep(StepMetrics metrics) {
    run.directory().metrics(stage, metrics.step(), metrics.values());
  }

  @Override
  public void onAlarm(HealthAlarm alarm) {
    run.console()
        .note(String.format(Locale.ROOT, "  alarm at step %d: %s", alarm.step(), alarm.message()));
    run.directory()
        .metrics(
            stage + StepLog.ALARM,
            alarm.step(),
            ImmutableMap.of(
                StepLog.ALARM_KIND,
                alarm.kind().name(),
                "value",
                alarm.value(),
                "threshold",
                alarm.threshold(),
                "message",
                alarm.message()));
  }
}
