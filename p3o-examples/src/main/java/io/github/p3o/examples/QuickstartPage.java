package io.github.p3o.examples;

import java.util.Locale;

/** The report.html of quickstart. */
final class QuickstartPage {

  private static final int SAMPLES = 8;

  private QuickstartPage() {}

  static String html(QuickstartResult result, OutcomeReport outcome, Run run) {
    Report report = new Report("P3O quickstart");
    report.text(
        "A small language model learned a generated language of stories. Pairs of its own stories"
            + " were labelled by a known preference with noise; a reward model learned the labels;"
            + " and P3O aligned the language model with the reward model, by separate clipping (V1)"
            + " and by joint clipping (V2). As the preference is known, the true reward (gold) can"
            + " be shown next to the reward model's.");
    outcome.addTo(report, SAMPLES);
    rewardModel(report, result);
    report.heading("How it was made");
    TextTable made = new TextTable("stage", "result");
    made.add("gold preference", GrammarModels.GOLD.formula());
    made.add(
        "language model, held-out loss",
        String.format(Locale.ROOT, "%.3f nats/token", result.models().languageLoss()));
    made.add("labelled pairs", String.valueOf(result.models().labels().size()));
    made.add("seconds in all", String.format(Locale.ROOT, "%.0f", run.seconds()));
    report.table(made);
    report.note(
        "Everything else that the run depended on is in run.json beside this file; every training"
            + " step is in metrics.jsonl, every held-out answer in samples.jsonl.");
    return report.html();
  }

  private static void rewardModel(Report report, QuickstartResult result) {
    Calibration calibration = result.models().calibration();
    report.heading("The reward model on held-out comparisons");
    TextTable table = new TextTable("measure", "value", "by chance", "best possible");
    table.add(
        "accuracy",
        calibration.accuracy().text(3),
        "0.500",
        String.format(Locale.ROOT, "%.3f", result.models().labels().best().mean()));
    table.add("loss, nats", calibration.loss().text(3), "0.693", "");
    table.add(
        "calibration error",
        String.format(Locale.ROOT, "%.3f", calibration.expectedError()),
        "",
        "0");
    report.table(table);
    report.note(
        "Best possible: what the known preference itself would reach, as the labels are noisy."
            + " Below: how sure the reward model was, and how often it was right.");
    report.table(calibration.table());
  }
}
