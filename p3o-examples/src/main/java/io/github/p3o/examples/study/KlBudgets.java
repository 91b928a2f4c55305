package io.github.p3o.examples.study;

import static com.google.common.collect.ImmutableList.sortedCopyOf;

import java.util.Comparator;
import java.util.List;

/**
 * What a run is worth to somebody with a budget of KL, who takes its best checkpoint within that
 * budget.
 *
 * @param cap the largest budget, nats
 */
record KlBudgets(double cap) {

  private static final Comparator<TaskBench.Checkpoint> BY_KL =
      Comparator.comparingDouble(TaskBench.Checkpoint::kl);

  /**
   * The highest reward within a budget, mean over all budgets from 0 to the cap. A run that goes
   * further on the same frontier scores more, and so does one whose frontier is higher; one that
   * leaps over small budgets has nothing to show for them.
   *
   * @param points of one run, from its start on, whose KL is 0
   */
  double score(List<TaskBench.Checkpoint> points) {
    double area = 0;
    double budget = 0;
    double best = points.get(0).reward();
    for (TaskBench.Checkpoint point : sortedCopyOf(BY_KL, within(points))) {
      double from = Math.max(0, point.kl()); // an estimate may be below 0
      area += best * (from - budget);
      budget = from;
      best = Math.max(best, point.reward());
    }
    return (area + best * (cap - budget)) / cap;
  }

  /** The checkpoint of the highest reward within the cap. */
  TaskBench.Checkpoint best(List<TaskBench.Checkpoint> points) {
    return within(points).stream()
        .max(Comparator.comparingDouble(TaskBench.Checkpoint::reward))
        .orElseThrow();
  }

  private List<TaskBench.Checkpoint> within(List<TaskBench.Checkpoint> points) {
    return points.stream().filter(point -> point.kl() <= cap).toList();
  }
}
