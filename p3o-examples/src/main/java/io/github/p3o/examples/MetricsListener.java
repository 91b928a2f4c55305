package io.github.p3o.examples;

import io.github.p3o.StepMetrics;
import io.github.p3o.TrainingListener;

/**
 * Writes what each training step measured to metrics.jsonl.
 *
 * @param directory of the run
 * @param stage of the run
 */
record MetricsListener(RunDirectory directory, String stage) implements TrainingListener {

  @Override
  public void onStep(StepMetrics metrics) {
    directory.metrics(stage, metrics.step(), metrics.values());
  }
}
