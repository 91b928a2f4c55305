package io.github.p3o.examples.study;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSortedMap;
import io.github.p3o.eval.KlRewardFrontier;
import io.github.p3o.eval.RewardStress;
import io.github.p3o.examples.align.Objective;
import io.github.p3o.examples.report.KlRewardPlot;
import io.github.p3o.examples.report.ReportCommand;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Provenance;
import io.github.p3o.examples.run.TextTable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Writes what a study has found so far: results.md, study.json, report.html, each task's frontier.
 */
final class StudyReport {

  /** Among what is asked: distorted rewards. */
  static final String STRESS = "stress";

  private final Study study;
  private final StudyDirectory directory;
  private final Console console;
  private final ImmutableSet<String> asked;
  private final StringBuilder markdown = new StringBuilder("# Results of the study\n");
  private final Map<String, Object> tasks = new LinkedHashMap<>();

  /**
   * A report.
   *
   * @param asked the tasks and ablations whose tables are shown, too, or stress
   */
  StudyReport(Study study, StudyDirectory directory, Console console, ImmutableSet<String> asked) {
    this.study = study;
    this.directory = directory;
    this.console = console;
    this.asked = asked;
  }

  /** Writes all that is done. */
  void write() {
    for (StudyTask task : StudyTask.values()) {
      if (study.hasRuns(task)) {
        write(task);
      }
    }
    if (study.hasRuns(Study.CHEAP)) {
      for (Ablation ablation : Ablation.values()) {
        write(ablation);
      }
      writeStress();
    }
    directory.text("results.md", markdown.toString());
    directory.describe(
        ImmutableMap.of(
            "methods", Study.METHODS.stream().map(Objective::toString).toList(),
            "tasks", tasks,
            "environment", Provenance.all()));
    Path page = ReportCommand.write(directory.resolve(""), -1);
    console.print("Results: " + directory.resolve("results.md") + ", report: " + page);
  }

  private void write(StudyTask task) {
    TaskResults results = study.results(task);
    String path = "tasks/" + task + "/";
    directory.text(path + "frontier.csv", results.frontier().csv());
    directory.text(path + "frontier.json", results.frontier().json(TaskResults.BAND) + "\n");
    plot(results, path + "frontier.png");
    describe(results);
    heading("Task: " + task);
    markdown.append("\n").append(task.about()).append("\n");
    add(
        "Search, on validation prompts: the best reward within a budget of KL, mean over budgets up"
            + " to the cap",
        search(task));
    add("At the end of training, on test prompts", results.endTable());
    add("Reward (" + task.judge() + ") at the same KL", results.matchedTable());
    add("Dominance over the common range of KL", results.dominanceTable());
    add("Wins by " + task.judge() + " at the same KL", results.winTable());
    add("Lines through the checkpoints", results.fitTable());
    add("Alarms", results.alarmTable());
    show(task.toString(), task.about(), results.endTable() + "\n" + results.dominanceTable());
  }

  private void plot(TaskResults results, String path) {
    try {
      KlRewardPlot.write(
          directory.resolve(path),
          results.task().toString() + ": mean over seeds, 95 % intervals",
          results.task().judge(),
          results.curves());
    } catch (RuntimeException | LinkageError e) {
      console.note(path + ": expected fonts to draw with, got " + e);
    }
  }

  private void describe(TaskResults results) {
    StudyTask task = results.task();
    Map<String, Object> chosen = new LinkedHashMap<>();
    Map<String, Object> seconds = new LinkedHashMap<>();
    for (Objective method : Study.METHODS) {
      chosen.put(method.toString(), study.best(task, method).values());
      seconds.put(method.toString(), study.seconds(task, method));
    }
    Map<String, Object> description = new LinkedHashMap<>();
    description.put("about", task.about());
    description.put("judge", task.judge());
    description.put("klCap", study.size(task).klCap());
    description.put("size", study.size(task).values());
    description.put("chosen", chosen);
    description.put("secondsOfARun", seconds);
    description.put("secondsOfTheSearch", study.searchSeconds(task));
    description.put(
        "seeds",
        results.frontier().points().stream().map(point -> point.seed()).distinct().toList());
    tasks.put(task.toString(), description);
  }

  private TextTable search(StudyTask task) {
    TextTable table = new TextTable("setting", "over budgets", "best", "at KL", "chosen");
    ImmutableSet<Setting> chosen =
        Study.METHODS.stream()
            .map(method -> study.best(task, method))
            .collect(ImmutableSet.toImmutableSet());
    for (Study.Tried tried : study.tried(task)) {
      Setting setting = tried.setting();
      table.add(
          setting.objective() + " " + inWords(setting),
          String.format(Locale.ROOT, "%.3f", tried.score()),
          String.format(Locale.ROOT, "%.3f", tried.best()),
          String.format(Locale.ROOT, "%.2f", tried.kl()),
          chosen.contains(setting) ? "*" : "");
    }
    return table;
  }

  private static String inWords(Setting setting) {
    List<String> words = new ArrayList<>();
    setting.values().forEach((name, value) -> words.add(name + " " + value));
    return String.join(", ", words);
  }

  private void write(Ablation ablation) {
    ImmutableList<Study.Cell> cells = study.done(study.cells(ablation));
    if (cells.isEmpty()) {
      return;
    }
    TaskResults results =
        study.results(
            Study.CHEAP, cells, cell -> cell.setting().objective() + " " + inWords(cell.setting()));
    heading("Ablation: " + ablation);
    markdown.append("\n").append(ablation.about()).append("\n");
    TextTable table =
        new TextTable(
            "setting", "runs", Study.CHEAP.judge() + " at the end", "KL at the end", "at 1 nat");
    for (String method : results.frontier().methods()) {
      table.add(
          method,
          String.valueOf(results.ends(method).size()),
          results.end(method, TaskBench.Checkpoint::gold).text(3),
          results.end(method, TaskBench.Checkpoint::kl).text(2),
          TaskResults.interval(results.frontier().at(method, 1)));
    }
    add("", table);
    show(ablation.toString(), ablation.about(), table.toString());
  }

  private void writeStress() {
    ImmutableList<Study.Cell> cells = study.done(study.stressed());
    if (cells.isEmpty()) {
      return;
    }
    TaskResults clean = study.results(Study.CHEAP);
    heading("Stress");
    TextTable table =
        new TextTable(
            "reward",
            "method",
            "seeds",
            "clean",
            "stressed",
            "fall",
            "KL at the end",
            "fall at the same KL",
            "up to KL");
    for (Stress stress : Stress.values()) {
      ImmutableList<Study.Cell> under =
          cells.stream()
              .filter(cell -> cell.setting().stress() == stress)
              .collect(ImmutableList.toImmutableList());
      if (!under.isEmpty()) {
        add(
            table,
            stress,
            clean,
            study.results(Study.CHEAP, under, cell -> cell.setting().objective().toString()));
      }
    }
    add("", table);
    show(STRESS, "what is lost of gold", table.toString());
  }

  /** Of the seeds that were run both ways. */
  private void add(TextTable table, Stress stress, TaskResults clean, TaskResults stressed) {
    for (String method : stressed.frontier().methods()) {
      ImmutableSortedMap<Long, Double> before = clean.goldAtTheEnd(method);
      ImmutableSortedMap<Long, Double> after = stressed.goldAtTheEnd(method);
      List<Long> seeds = after.keySet().stream().filter(before::containsKey).toList();
      if (seeds.isEmpty()) {
        continue;
      }
      RewardStress.Fall fall = RewardStress.fall(of(seeds, before), of(seeds, after));
      Optional<KlRewardFrontier.Dominance> same = atTheSameKl(method, stress);
      table.add(
          stress.formula(),
          method,
          String.valueOf(seeds.size()),
          String.format(Locale.ROOT, "%.3f", fall.clean()),
          String.format(Locale.ROOT, "%.3f", fall.stressed()),
          TaskResults.interval(fall.fall(), fall.low(), fall.high()),
          stressed.end(method, TaskBench.Checkpoint::kl).text(2),
          same.map(each -> TaskResults.interval(each.difference(), each.low(), each.high()))
              .orElse("-"),
          same.map(each -> String.format(Locale.ROOT, "%.2f", each.toKl())).orElse("-"));
    }
  }

  /** The runs on the reward as it is, less the stressed ones, over the KL that all have passed. */
  private Optional<KlRewardFrontier.Dominance> atTheSameKl(String method, Stress stress) {
    ImmutableList<Study.Cell> both =
        Stream.concat(study.cells(Study.CHEAP).stream(), study.stressed().stream())
            .filter(cell -> cell.setting().objective().toString().equals(method))
            .filter(cell -> ImmutableSet.of(Stress.NONE, stress).contains(cell.setting().stress()))
            .collect(ImmutableList.toImmutableList());
    return study
        .results(Study.CHEAP, study.done(both), cell -> cell.setting().stress().toString())
        .frontier()
        .comparisons()
        .stream()
        .findFirst();
  }

  private static double[] of(List<Long> seeds, Map<Long, Double> gold) {
    return seeds.stream().mapToDouble(seed -> requireNonNull(gold.get(seed))).toArray();
  }

  private void show(String name, String about, String tables) {
    if (asked.contains(name)) {
      console.print("\n" + name + ": " + about + "\n\n" + tables);
    }
  }

  private void heading(String text) {
    markdown.append("\n## ").append(text).append('\n');
  }

  private void add(String title, TextTable table) {
    markdown.append('\n');
    if (!title.isEmpty()) {
      markdown.append("**").append(title).append("**\n\n");
    }
    markdown.append(table.markdown());
  }
}
