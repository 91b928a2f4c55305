package io.github.p3o.examples;

import com.google.common.base.CharMatcher;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.stream.IntStream;

/** Shows the outcome of alignments: on the screen, as samples.jsonl, report.html and a PNG. */
final class OutcomeReport {

  private static final String KL = "KL to the reference policy, nats a response";

  private final Outcome outcome;
  private final Run run;

  OutcomeReport(Outcome outcome, Run run) {
    this.outcome = outcome;
    this.run = run;
  }

  /** Prints the table and some samples. */
  void print(int samples) {
    run.console().print("\n" + outcome.table() + legend());
    for (int i = 0; i < samples; i++) {
      run.console().print("\n" + prompt(i) + " ...");
      ImmutableList<String> names = outcome.names();
      for (int j = 0; j < names.size(); j++) {
        run.console()
            .print(String.format("  %-8s %s", names.get(j), oneLine(outcome.answers(i).get(j))));
      }
    }
  }

  /** What the columns mean. */
  String legend() {
    return "wins: how often "
        + outcome.columns().judge()
        + " prefers the policy's answer to the one before, on the same prompts, ties half. "
        + outcome.errors();
  }

  private static String oneLine(String text) {
    return CharMatcher.whitespace().trimAndCollapseFrom(text, ' ');
  }

  private String prompt(int index) {
    return outcome.before().prompts().get(index);
  }

  /** Writes samples.jsonl: what each policy answers to the held-out prompts. */
  void writeSamples() {
    int count = outcome.before().prompts().size();
    ImmutableList<String> names = outcome.names();
    run.directory()
        .jsonLines(
            "samples.jsonl",
            IntStream.range(0, count)
                .mapToObj(
                    i -> {
                      ImmutableMap.Builder<String, String> line = ImmutableMap.builder();
                      line.put("prompt", prompt(i));
                      for (int j = 0; j < names.size(); j++) {
                        line.put(names.get(j), outcome.answers(i).get(j));
                      }
                      return line.buildOrThrow();
                    })
                .toList());
  }

  /** Adds table, charts and samples to a report. */
  void addTo(Report report, int samples) {
    report.heading("Before and after");
    report.table(outcome.table());
    report.note(legend());
    addCharts(report);
    if (samples > 0) {
      report.heading("Samples on the same held-out prompts");
      for (int i = 0; i < samples; i++) {
        report.sample(prompt(i), outcome.names(), outcome.answers(i));
      }
    }
  }

  private void addCharts(Report report) {
    String judge = outcome.columns().judge();
    report.heading("Reward against KL, over training");
    report.chart(
        "Each point is an evaluation on held-out prompts. Higher and further left is better.",
        KL,
        judge,
        outcome.frontier());
    if (!outcome.columns().gold().isEmpty()) {
      report.chart(
          "The reward that the policies were trained on. Where it rises and "
              + judge
              + " does not, the reward model is being exploited.",
          KL,
          "reward model",
          outcome.curves(p -> p.judged().meanKl(), p -> p.judged().meanReward()));
    }
    report.chart(
        "Over steps; each step samples pairs and updates on them several times.",
        "step",
        judge,
        outcome.curves(OutcomeReport::step, outcome::judged));
  }

  private static Estimate step(Alignment.Point point) {
    return Estimate.of(point.step());
  }

  /** Writes kl-reward.png; without fonts on the machine there is none, and a note says so. */
  void writePlot(String title) {
    try {
      KlRewardPlot.write(
          run.directory().resolve("kl-reward.png"),
          title,
          outcome.columns().judge(),
          outcome.frontier());
    } catch (RuntimeException | LinkageError e) {
      run.console()
          .note(
              "  kl-reward.png: expected fonts to draw with, got "
                  + e
                  + "; report.html has the curve");
    }
  }
}
