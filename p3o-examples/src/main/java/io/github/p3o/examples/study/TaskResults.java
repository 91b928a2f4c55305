package io.github.p3o.examples.study;

import com.google.common.collect.EnumMultiset;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Multimaps;
import com.google.common.collect.Multiset;
import io.github.p3o.HealthAlarm;
import io.github.p3o.eval.KlRewardFrontier;
import io.github.p3o.examples.align.Judged;
import io.github.p3o.examples.report.Curve;
import io.github.p3o.examples.report.Estimate;
import io.github.p3o.examples.run.TextTable;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a study found on one task: its frontier, and tables. */
final class TaskResults {

  /** Points of a band. */
  static final int BAND = 13;

  /** Where methods are compared at matched KL, as shares of the cap. */
  private static final ImmutableList<Double> SHARES = ImmutableList.of(0.25, 0.5, 1.0);

  private final Study study;
  private final StudyTask task;
  private final double klCap;
  private final ImmutableListMultimap<String, Study.Cell> runs;
  private final KlRewardFrontier frontier;

  private TaskResults(
      Study study, StudyTask task, double klCap, ImmutableListMultimap<String, Study.Cell> runs) {
    this.study = study;
    this.task = task;
    this.klCap = klCap;
    this.runs = runs;
    this.frontier =
        KlRewardFrontier.of(
            runs.entries().stream()
                .flatMap(run -> points(run.getKey(), run.getValue()).stream())
                .toList(),
            KlRewardFrontier.Kl.K1);
  }

  /**
   * Of runs that are done.
   *
   * @param cells the runs, at least one
   * @param names by what to tell them apart
   */
  static TaskResults of(
      Study study,
      StudyTask task,
      double klCap,
      List<Study.Cell> cells,
      Function<Study.Cell, String> names) {
    return new TaskResults(study, task, klCap, Multimaps.index(cells, names::apply));
  }

  private ImmutableList<KlRewardFrontier.Point> points(String method, Study.Cell run) {
    return study.points(run).stream()
        .map(
            point ->
                new KlRewardFrontier.Point(
                    method,
                    run.seed(),
                    point.step(),
                    point.gold(),
                    point.kl(),
                    point.kl3(),
                    Double.NaN))
        .collect(ImmutableList.toImmutableList());
  }

  StudyTask task() {
    return task;
  }

  KlRewardFrontier frontier() {
    return frontier;
  }

  /** The last checkpoint of every run of a method. */
  ImmutableList<TaskBench.Checkpoint> ends(String method) {
    return runs.get(method).stream().map(this::last).collect(ImmutableList.toImmutableList());
  }

  /** Gold of every run of a method at its end, by seed. */
  ImmutableSortedMap<Long, Double> goldAtTheEnd(String method) {
    return runs.get(method).stream()
        .collect(
            ImmutableSortedMap.toImmutableSortedMap(
                Comparator.naturalOrder(), Study.Cell::seed, run -> last(run).gold()));
  }

  private TaskBench.Checkpoint last(Study.Cell run) {
    ImmutableList<TaskBench.Checkpoint> points = study.points(run);
    return points.get(points.size() - 1);
  }

  /** Mean and standard error over the runs of a method, at their ends. */
  Estimate end(String method, ToDoubleFunction<TaskBench.Checkpoint> value) {
    return Estimate.of(ends(method).stream().mapToDouble(value).toArray());
  }

  /** Where every method ended, and where it began. */
  TextTable endTable() {
    TextTable table =
        new TextTable(
            "policy",
            "reward",
            task.judge(),
            "KL k1",
            "KL k3",
            "tokens",
            "at the limit",
            "wins over SFT");
    Study.Cell any = runs.values().iterator().next();
    TaskBench.Checkpoint start = study.points(any).get(0);
    table.add(
        "SFT",
        number(start.reward()),
        number(start.gold()),
        "0",
        "0",
        String.format(Locale.ROOT, "%.1f", start.length()),
        atTheLimit(Stream.of(study.first(any))),
        "50.0 %");
    for (String method : runs.keySet()) {
      table.add(
          method,
          end(method, TaskBench.Checkpoint::reward).text(3),
          end(method, TaskBench.Checkpoint::gold).text(3),
          end(method, TaskBench.Checkpoint::kl).text(2),
          end(method, TaskBench.Checkpoint::kl3).text(2),
          end(method, TaskBench.Checkpoint::length).text(1),
          atTheLimit(runs.get(method).stream().map(study::last)),
          Estimate.of(
                  runs.get(method).stream()
                      .mapToDouble(run -> study.last(run).winRate(study.first(run)).mean())
                      .toArray())
              .percent());
    }
    return table;
  }

  /** The share of answers that are as long as they may be. */
  private String atTheLimit(Stream<Judged> judged) {
    int limit = study.size(task).maxNewTokens();
    return String.format(
        Locale.ROOT,
        "%.0f %%",
        100 * judged.mapToDouble(each -> each.shareOfLength(limit)).average().orElseThrow());
  }

  /** Which alarms the runs of each method raised, and how many of them. */
  TextTable alarmTable() {
    TextTable table = new TextTable("method", "alarms, and in how many runs");
    for (String method : runs.keySet()) {
      Multiset<HealthAlarm.Kind> kinds = EnumMultiset.create(HealthAlarm.Kind.class);
      runs.get(method).forEach(run -> kinds.addAll(study.alarms(run)));
      String all =
          kinds.entrySet().stream()
              .map(entry -> entry.getElement() + " " + entry.getCount())
              .collect(Collectors.joining(", "));
      table.add(method, all.isEmpty() ? "none" : all + " of " + runs.get(method).size());
    }
    return table;
  }

  /** Reward at the same KL, with 95 % intervals. */
  TextTable matchedTable() {
    List<String> header =
        SHARES.stream()
            .map(share -> String.format(Locale.ROOT, "at %.2f nats", share * klCap))
            .toList();
    TextTable table =
        new TextTable(
            ImmutableList.<String>builder()
                .add("method")
                .addAll(header)
                .build()
                .toArray(new String[0]));
    for (String method : frontier.methods()) {
      ImmutableList.Builder<String> row = ImmutableList.builder();
      row.add(method);
      SHARES.forEach(share -> row.add(interval(frontier.at(method, share * klCap))));
      table.add(row.build().toArray(new String[0]));
    }
    return table;
  }

  static String interval(KlRewardFrontier.Band band) {
    return Double.isNaN(band.mean())
        ? "not reached"
        : interval(band.mean(), band.low(), band.high());
  }

  static String interval(double mean, double low, double high) {
    return Double.isNaN(low)
        ? number(mean)
        : number(mean) + " [" + number(low) + ", " + number(high) + "]";
  }

  private static String number(double value) {
    return Estimate.of(value).text(3);
  }

  /** How straight the frontier is. */
  TextTable fitTable() {
    TextTable table =
        new TextTable("method", "slope on √KL", "R² on √KL", "slope on KL", "R² on KL");
    for (String method : frontier.methods()) {
      KlRewardFrontier.Fit root = frontier.fit(method, KlRewardFrontier.Abscissa.SQRT_KL);
      KlRewardFrontier.Fit linear = frontier.fit(method, KlRewardFrontier.Abscissa.KL);
      table.add(
          method,
          number(root.slope()),
          number(root.rSquared()),
          number(linear.slope()),
          number(linear.rSquared()));
    }
    return table;
  }

  /** Who is above whom. */
  TextTable dominanceTable() {
    TextTable table =
        new TextTable(
            "first less second",
            "KL from, to",
            "difference",
            "p",
            "p, Holm",
            "smallest p possible");
    for (KlRewardFrontier.Dominance each : frontier.comparisons()) {
      table.add(
          each.first() + " - " + each.second(),
          String.format(Locale.ROOT, "%.2f, %.2f", each.fromKl() + 0.0, each.toKl()),
          interval(each.difference(), each.low(), each.high()),
          p(each.pValue()),
          p(each.adjustedPValue()),
          p(each.smallestPValue()));
    }
    return table;
  }

  private static String p(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }

  /** How often one method's answers are preferred to another's at about the same KL. */
  TextTable winTable() {
    TextTable table = new TextTable("first against second", "KL", "KL of second", "wins of first");
    frontier.comparisons().forEach(pair -> addWins(table, pair));
    return table;
  }

  private void addWins(TextTable table, KlRewardFrontier.Dominance pair) {
    String first = pair.first();
    String second = pair.second();
    double at = Math.min(klCap, pair.toKl());
    ImmutableList<Matched> ofFirst = matched(first, at);
    ImmutableList<Matched> ofSecond = matched(second, at);
    int count = Math.min(ofFirst.size(), ofSecond.size());
    double[] wins = new double[count];
    for (int i = 0; i < count; i++) {
      wins[i] = ofFirst.get(i).judged().winRate(ofSecond.get(i).judged()).mean();
    }
    table.add(
        first + " against " + second,
        meanKl(ofFirst),
        meanKl(ofSecond),
        Estimate.of(wins).percent());
  }

  private static String meanKl(Collection<Matched> matched) {
    return Estimate.of(matched.stream().mapToDouble(Matched::kl).toArray()).text(2);
  }

  /** The checkpoint of a run that is nearest to a KL. */
  private record Matched(double kl, Judged judged) {}

  private ImmutableList<Matched> matched(String method, double at) {
    return runs.get(method).stream()
        .map(
            run -> {
              TaskBench.Checkpoint nearest =
                  study.points(run).stream()
                      .min(Comparator.comparingDouble(point -> Math.abs(point.kl() - at)))
                      .orElseThrow();
              return new Matched(nearest.kl(), study.judged(run, nearest.step()));
            })
        .collect(ImmutableList.toImmutableList());
  }

  /** A line for each method: mean reward at matched KL, half the 95 % interval as its error. */
  ImmutableList<Curve> curves() {
    return frontier.methods().stream()
        .map(
            method ->
                new Curve(
                    method,
                    frontier.band(method, BAND).stream()
                        .map(
                            band ->
                                new Curve.Point(band.kl(), band.mean(), band.high() - band.mean()))
                        .collect(ImmutableList.toImmutableList())))
        .collect(ImmutableList.toImmutableList());
  }
}
