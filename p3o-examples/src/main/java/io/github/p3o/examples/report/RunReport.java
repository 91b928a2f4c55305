package io.github.p3o.examples.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Iterables;
import com.google.common.collect.Streams;
import io.github.p3o.examples.report.Report.Chart;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunFiles;
import io.github.p3o.examples.run.ShownTable;
import io.github.p3o.examples.run.StepLog;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The report.html of a run, from nothing but the files in its directory. */
public final class RunReport {

  public static final String FILE = "report.html";

  /** In run.json: a {@link About}. */
  static final String ABOUT = "report";

  static final String KL = "KL to the reference policy, nats a response";

  private static final String STEP = "step";

  /** Values of options that were not given and stand for nothing. */
  private static final ImmutableSet<String> UNSET = ImmutableSet.of("", "[]", "{}", "false");

  /** What training charts show, and their captions; where a stage has the metric. */
  private static final ImmutableMap<String, String> TRAINING =
      ImmutableMap.<String, String>builder()
          .put("loss", "loss.")
          .put("rewards/accuracies", "share of comparisons that the reward model gets right.")
          .put("objective/scores", "reward of the samples that are trained on.")
          .put("objective/kl", "KL of the samples, nats a response.")
          .put("objective/entropy", "nats a response.")
          .put("completions/mean_length", "tokens of a sample.")
          .put("policy/clipfrac_avg", "share of clipped terms.")
          .put("policy/approxkl_avg", "KL of an update, estimated.")
          .put("grad_norm", "norm of the gradient before it is clipped.")
          .buildOrThrow();

  private final RunFiles files;
  private final JsonNode description;
  private final JsonNode about;
  private final Measurements measurements;
  private final Report report;

  /**
   * What a command knows of its report and the files do not say.
   *
   * @param title of the page
   * @param text what the run was, in a few sentences
   * @param judge the name of the preference that policies are judged by
   * @param samples how many prompts are shown with their answers
   */
  public record About(String title, String text, String judge, int samples) {}

  private RunReport(RunFiles files) {
    this.files = files;
    this.description = files.json(Run.DESCRIPTION);
    this.about = description.path(ABOUT);
    this.measurements = new Measurements(files.lines("metrics.jsonl"));
    this.report = new Report(about.path("title").asText(description.path("command").asText("run")));
  }

  /** Writes report.html of a run, from the files that are there. */
  public static void write(Run run, About about) {
    run.describe(ABOUT, about);
    run.describeTime();
    ReportCommand.write(run.directory().path(), -1);
  }

  /**
   * The page.
   *
   * @param samples how many prompts to show with their answers; negative for as many as the run did
   */
  static String html(RunFiles files, int samples) {
    RunReport page = new RunReport(files);
    page.report.note(page.about.path("text").asText());
    page.tables();
    TournamentPage.addTo(page.report, files);
    page.frontier();
    page.samples(samples < 0 ? page.about.path("samples").asInt(0) : samples);
    page.training();
    page.health();
    page.configuration();
    return page.report.html();
  }

  private void tables() {
    for (JsonNode table : files.json(ShownTable.FILE)) {
      report.heading(table.path("heading").asText());
      report.table(
          texts(table.path("header")),
          Streams.stream(table.path("rows")).map(RunReport::texts).toList());
      report.note(table.path("note").asText());
    }
  }

  private static ImmutableList<String> texts(JsonNode nodes) {
    return Streams.stream(nodes).map(JsonNode::asText).collect(ImmutableList.toImmutableList());
  }

  /** KL against reward: the picture of the whole. */
  public static ImmutableList<Curve> frontier(RunFiles files) {
    return new Measurements(files.lines("metrics.jsonl")).judged("eval/kl", "eval/gold");
  }

  private void frontier() {
    String judge = about.path("judge").asText("gold");
    ImmutableList<Curve> gold = measurements.judged("eval/kl", "eval/gold");
    ImmutableList<Curve> reward = measurements.judged("eval/kl", "eval/reward");
    if (gold.isEmpty()) {
      return;
    }
    report.heading("Reward against KL, over training");
    report.chart(
        new Chart(
            "Each point is an evaluation on "
                + measurements.judgedOn().words()
                + ". Higher and further left is better. Errors are standard errors.",
            KL,
            judge,
            gold));
    if (!gold.equals(reward)) {
      report.chart(
          new Chart(
              "The reward that the policies were trained on. Where it rises and "
                  + judge
                  + " does not, the reward model is being exploited.",
              KL,
              "reward model",
              reward));
    }
    report.chart(
        new Chart(
            "Over steps; each step samples pairs and updates on them several times.",
            STEP,
            judge,
            measurements.judged(STEP, "eval/gold")));
  }

  private void samples(int count) {
    ImmutableList<JsonNode> samples = files.lines("samples.jsonl");
    if (count == 0 || samples.isEmpty()) {
      return;
    }
    report.heading("Samples on the same prompts");
    report.note(TournamentPage.note(files));
    for (JsonNode sample : Iterables.limit(samples, count)) {
      List<String> names = new ArrayList<>();
      List<String> answers = new ArrayList<>();
      for (Map.Entry<String, JsonNode> answer : sample.properties()) {
        if (answer.getValue().isTextual() && !answer.getKey().equals("prompt")) {
          names.add(answer.getKey());
          answers.add(answer.getValue().asText());
        }
      }
      report.sample(sample.path("prompt").asText(), names, answers);
    }
  }

  /** Policies share their charts; other stages, such as a reward model's, have their own. */
  private void training() {
    ImmutableList.Builder<Chart> charts = ImmutableList.builder();
    TRAINING.forEach(
        (metric, caption) -> {
          ImmutableList<Curve> curves =
              measurements.stagesWith(metric).stream()
                  .filter(stage -> Measurements.method(stage).equals(stage))
                  .map(stage -> measurements.curve(stage, stage, STEP, metric))
                  .filter(curve -> curve.points().size() > 1)
                  .collect(ImmutableList.toImmutableList());
          if (metric.equals("loss")) {
            curves.forEach(
                curve ->
                    charts.add(
                        new Chart(
                            metric + " of the stage " + curve.name() + ".",
                            STEP,
                            metric,
                            ImmutableList.of(curve))));
          } else if (!curves.isEmpty()) {
            charts.add(new Chart(metric + ": " + caption, STEP, metric, curves));
          }
        });
    ImmutableList<Chart> all = charts.build();
    if (!all.isEmpty()) {
      report.heading("Training");
      report.charts(all);
    }
  }

  private void health() {
    if (measurements.stagesWith("objective/kl").isEmpty()) {
      return;
    }
    report.heading("Health");
    ImmutableList<JsonNode> alarms = measurements.alarms();
    if (alarms.isEmpty()) {
      report.text("No alarm: KL, entropy, lengths, clipping and rewards stayed within bounds.");
      return;
    }
    report.words(
        alarms.stream()
            .map(
                alarm ->
                    ImmutableList.of(
                        alarm.path("stage").asText().replaceFirst(StepLog.ALARM + "$", "")
                            + ", step "
                            + alarm.path("step").asText(),
                        alarm.path("message").asText()))
            .toList());
  }

  private void configuration() {
    report.heading("How it was made");
    List<ImmutableList<String>> rows = new ArrayList<>();
    rows.add(ImmutableList.of("command", description.path("command").asText("unknown")));
    description
        .path("options")
        .properties()
        .forEach(
            option -> {
              if (!UNSET.contains(option.getValue().asText())) {
                rows.add(ImmutableList.of(option.getKey(), option.getValue().asText()));
              }
            });
    if (description.has("seconds")) {
      rows.add(ImmutableList.of("seconds", description.path("seconds").asText()));
    }
    environment(description).forEach(rows::add);
    report.words(rows);
    if (description.has("trainer")) {
      report.folded("Settings of the trainer", description.path("trainer").toPrettyString());
    }
    report.note(
        "All of it is in run.json beside this file; every training step is in metrics.jsonl. To"
            + " make this page again: p3o report DIR.");
  }

  /** Versions and hardware, as rows. */
  static List<ImmutableList<String>> environment(JsonNode description) {
    return description.path("environment").properties().stream()
        .map(entry -> ImmutableList.of(entry.getKey(), entry.getValue().asText()))
        .toList();
  }
}
