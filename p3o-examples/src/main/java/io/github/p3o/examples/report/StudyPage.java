package io.github.p3o.examples.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import io.github.p3o.examples.report.Report.Chart;
import io.github.p3o.examples.run.RunFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The report.html of a study: the tables of its results.md, and the frontier of each task. */
final class StudyPage {

  static final String DESCRIPTION = "study.json";

  private static final Pattern TASK = Pattern.compile("Task: ([a-z0-9-]+)");
  private static final Splitter CELLS = Splitter.on('|').trimResults();

  private final RunFiles files;
  private final JsonNode description;
  private final Report report = new Report("P3O study");

  /** The rows of the table that is being read, its header first. */
  private final List<ImmutableList<String>> table = new ArrayList<>();

  /** The task whose frontier is not shown yet. */
  private @Nullable String pending;

  private StudyPage(RunFiles files) {
    this.files = files;
    this.description = files.json(DESCRIPTION);
  }

  /** The page. */
  static String html(RunFiles files) {
    StudyPage page = new StudyPage(files);
    files.text("results.md").lines().forEach(page::line);
    page.endTable();
    page.configuration();
    return page.report.html();
  }

  /** results.md has headings, titles in bold, tables and paragraphs of one line. */
  private void line(String line) {
    if (line.startsWith("|")) {
      List<String> cells = CELLS.splitToList(line);
      table.add(ImmutableList.copyOf(cells.subList(1, cells.size() - 1)));
      return;
    }
    endTable();
    if (line.startsWith("## ")) {
      heading(line.substring(3));
    } else if (line.startsWith("**") && line.endsWith("**") && line.length() > 4) {
      frontier();
      report.subheading(line.substring(2, line.length() - 2));
    } else if (!line.isBlank() && !line.startsWith("# ")) {
      report.note(line);
      frontier();
    }
  }

  private void endTable() {
    if (!table.isEmpty()) {
      // the second row is the line of dashes
      report.table(table.get(0), table.subList(Math.min(2, table.size()), table.size()));
      table.clear();
    }
  }

  private void heading(String text) {
    report.heading(text);
    Matcher task = TASK.matcher(text);
    pending = task.matches() ? task.group(1) : null;
  }

  /** The frontier comes after the first words about the task. */
  private void frontier() {
    if (pending != null) {
      frontier(pending);
      pending = null;
    }
  }

  private void frontier(String task) {
    ImmutableList.Builder<Curve> curves = ImmutableList.builder();
    files
        .json("tasks/" + task + "/frontier.json")
        .path("bands")
        .properties()
        .forEach(band -> curves.add(new Curve(band.getKey(), points(band.getValue()))));
    if (!curves.build().isEmpty()) {
      report.chart(
          new Chart(
              "Mean over seeds at the same KL on held-out prompts, with 95 % intervals. Higher is"
                  + " better.",
              RunReport.KL,
              description.path("tasks").path(task).path("judge").asText("reward"),
              curves.build()));
    }
  }

  private static ImmutableList<Curve.Point> points(JsonNode band) {
    ImmutableList.Builder<Curve.Point> points = ImmutableList.builder();
    for (JsonNode point : band) {
      double mean = point.path("mean").asDouble(Double.NaN);
      if (point.path("mean").isNumber()) {
        double error =
            point.path("high").isNumber() ? point.path("high").asDouble() - mean : Double.NaN;
        points.add(new Curve.Point(point.path("kl").asDouble(), mean, error));
      }
    }
    return points.build();
  }

  private void configuration() {
    report.heading("How it was made");
    report.words(RunReport.environment(description));
    report.folded("All settings (study.json)", description.toPrettyString());
    report.note(
        "The runs are in the directories beside this file. To make this page again: p3o report"
            + " DIR.");
  }
}
