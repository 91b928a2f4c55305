package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.HealthAlarm;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainingListener;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.StepLog;

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
    String message = alarm.message() + "; " + advice(alarm.kind());
    run.console()
        .note(String.format("  alarm at step %d: %s: %s", alarm.step(), alarm.kind(), message));
    run.directory()
        .metrics(
            stage + StepLog.ALARM,
            alarm.step(),
            ImmutableMap.of(
                "alarm", alarm.kind().name(),
                "value", alarm.value(),
                "threshold", alarm.threshold(),
                "message", message));
  }

  /** What it means for a run of the command line, or what may help. */
  private static String advice(HealthAlarm.Kind kind) {
    return switch (kind) {
      case NON_FINITE -> "look at the reward, then at --learning-rate";
      case RATIO_NOT_ONE, NEGATIVE_KL -> "sampling and scoring disagree: a fault, please report it";
      case KL_SPIKE -> "a higher --kl-coefficient or a lower --learning-rate holds it back";
      case NO_SIGNAL -> "other prompts, or a reward that tells responses apart";
      case ALL_TRUNCATED -> "rewards are of beginnings; --max-new-tokens allows for ends";
      case ENTROPY_COLLAPSE -> "a higher --kl-coefficient keeps responses different";
      case LENGTH_DRIFT -> "see in samples.jsonl whether the reward pays for length";
      case CLIP_FRACTION, LOW_EFFECTIVE_SAMPLE ->
          "updates go too far for their pairs; lower --learning-rate or --epochs-per-step";
      case REWARD_HACKING ->
          "samples.jsonl shows what the reward likes; a higher --kl-coefficient delays it";
    };
  }
}
