package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * How alignments of one policy went.
 *
 * @param runs by method, one run for each seed; all begin at the same policy
 * @param columns what there is to say
 */
record Outcome(
    ImmutableMap<String, ImmutableList<ImmutableList<Alignment.Point>>> runs, Columns columns) {

  /**
   * What there is to say about a run.
   *
   * @param gold the name of the known preference, empty if there is none
   * @param grammar whether the language has rules to keep
   */
  record Columns(String gold, boolean grammar) {

    /** What preference win rates are by. */
    String judge() {
      return gold.isEmpty() ? "the reward" : gold;
    }
  }

  /** The policy that all runs began with. */
  Judged before() {
    return runs.values().iterator().next().get(0).get(0).judged();
  }

  /** What the runs of a method ended with, one for each seed. */
  ImmutableList<Judged> after(String method) {
    return runs.getOrDefault(method, ImmutableList.of()).stream()
        .map(run -> run.get(run.size() - 1).judged())
        .collect(ImmutableList.toImmutableList());
  }

  /** Before and after, each number with its standard error. */
  TextTable table() {
    List<String> header = new ArrayList<>(List.of("policy", "reward"));
    if (!columns.gold().isEmpty()) {
      header.add("gold");
    }
    header.addAll(List.of("KL, nats", "wins", "tokens"));
    if (columns.grammar()) {
      header.add("grammatical");
    }
    TextTable table = new TextTable(header.toArray(String[]::new));
    table.add(row("before", ImmutableList.of(before())));
    runs.keySet().forEach(method -> table.add(row(method, after(method))));
    return table;
  }

  private String[] row(String name, ImmutableList<Judged> judged) {
    List<String> cells = new ArrayList<>(List.of(name, over(judged, Judged::meanReward).text(3)));
    if (!columns.gold().isEmpty()) {
      cells.add(over(judged, Judged::meanGold).text(3));
    }
    cells.add(over(judged, Judged::meanKl).text(2));
    cells.add(over(judged, each -> each.winRate(before())).percent());
    cells.add(over(judged, Judged::meanLength).text(1));
    if (columns.grammar()) {
      cells.add(over(judged, Judged::meanWellFormed).percent());
    }
    return cells.toArray(String[]::new);
  }

  /** Of one run as it is; of several the mean over seeds. */
  private static <T> Estimate over(List<T> runs, Function<T, Estimate> quantity) {
    return runs.size() == 1
        ? quantity.apply(runs.get(0))
        : Estimate.of(runs.stream().mapToDouble(run -> quantity.apply(run).mean()).toArray());
  }

  /** The caption's last words: what the errors are. */
  String errors() {
    int seeds = runs.values().iterator().next().size();
    return seeds == 1
        ? "± is the standard error over held-out prompts."
        : "Means over " + seeds + " seeds of the alignment, ± the standard error over seeds.";
  }

  /** A line for each method, from before the first step to after the last. */
  ImmutableList<Curve> curves(
      Function<Alignment.Point, Estimate> x, Function<Alignment.Point, Estimate> y) {
    ImmutableList.Builder<Curve> curves = ImmutableList.builder();
    runs.forEach(
        (method, ofSeeds) -> {
          ImmutableList.Builder<Curve.Point> points = ImmutableList.builder();
          for (int i = 0; i < ofSeeds.stream().mapToInt(List::size).min().orElse(0); i++) {
            int index = i;
            List<Alignment.Point> at = ofSeeds.stream().map(run -> run.get(index)).toList();
            Estimate mean = over(at, y);
            points.add(new Curve.Point(over(at, x).mean(), mean.mean(), mean.standardError()));
          }
          curves.add(new Curve(method, points.build()));
        });
    return curves.build();
  }

  /** Gold, or the reward model where there is no gold. */
  Estimate judged(Alignment.Point point) {
    return columns.gold().isEmpty() ? point.judged().meanReward() : point.judged().meanGold();
  }

  /** KL against gold, or against the reward model where there is no gold. */
  ImmutableList<Curve> frontier() {
    return curves(point -> point.judged().meanKl(), this::judged);
  }

  /**
   * What the policies answer to the same prompt.
   *
   * @param prompt of which
   * @return before, then one answer for each method
   */
  ImmutableList<String> answers(int prompt) {
    ImmutableList.Builder<String> answers = ImmutableList.builder();
    answers.add(before().texts().get(prompt));
    runs.keySet().forEach(method -> answers.add(after(method).get(0).texts().get(prompt)));
    return answers.build();
  }

  /** The names that go with {@link #answers}. */
  ImmutableList<String> names() {
    return ImmutableList.<String>builder().add("before").addAll(runs.keySet()).build();
  }
}
