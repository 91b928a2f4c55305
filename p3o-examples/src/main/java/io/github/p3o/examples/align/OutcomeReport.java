package io.github.p3o.examples.align;

import com.google.common.base.CharMatcher;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.examples.report.KlRewardPlot;
import io.github.p3o.examples.report.RunReport;
import io.github.p3o.examples.report.TournamentPage;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunFiles;
import java.util.Locale;
import java.util.stream.IntStream;

/** Shows the outcome of alignments: on the screen, and as files that report.html is made of. */
public final class OutcomeReport {

  private final Outcome outcome;
  private final Run run;

  public OutcomeReport(Outcome outcome, Run run) {
    this.outcome = outcome;
    this.run = run;
  }

  /** Prints the table and some samples. */
  public void print(int samples) {
    run.table("Before and after", outcome.table(), legend());
    for (int i = 0; i < samples; i++) {
      run.console().print("\n" + prompt(i) + " ...");
      ImmutableList<String> names = outcome.names();
      for (int j = 0; j < names.size(); j++) {
        run.console()
            .print(
                String.format(
                    Locale.ROOT, "  %-8s %s", names.get(j), oneLine(outcome.answers(i).get(j))));
      }
    }
  }

  /** What the columns mean. */
  private String legend() {
    return "wins: how often "
        + outcome.columns().judge()
        + " prefers the policy's answer to the one before, on the same prompts, ties half. "
        + outcome.errors()
        + (outcome.shown().isEmpty() ? "" : " " + outcome.shown());
  }

  private static String oneLine(String text) {
    return CharMatcher.whitespace().trimAndCollapseFrom(text, ' ');
  }

  private String prompt(int index) {
    return outcome.before().prompts().get(index);
  }

  /** Writes samples.jsonl, tournament.json, kl-reward.png and report.html. */
  public void write(RunReport.About about, String plotTitle) {
    writeSamples();
    TournamentPage.write(outcome.tournament(), outcome.shown(), run.directory());
    writePlot(plotTitle);
    RunReport.write(run, about);
  }

  /** What each policy answers to the prompts that it is judged on. */
  private void writeSamples() {
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

  /** Without fonts on the machine there is no picture, and a note says so. */
  private void writePlot(String title) {
    try {
      KlRewardPlot.write(
          run.directory().resolve("kl-reward.png"),
          title,
          outcome.columns().judge(),
          RunReport.frontier(new RunFiles(run.directory().path())));
    } catch (RuntimeException | LinkageError e) {
      run.console()
          .note(
              "  kl-reward.png: expected fonts to draw with, got "
                  + e
                  + "; report.html has the curve");
    }
  }
}
