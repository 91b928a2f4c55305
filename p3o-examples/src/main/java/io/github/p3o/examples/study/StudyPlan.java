package io.github.p3o.examples.study;

import com.google.common.collect.ImmutableList;
import java.util.function.Predicate;

/** Jobs of which later ones depend on what earlier ones found. */
@FunctionalInterface
interface StudyPlan {

  /**
   * The jobs that can be done now, the most wanted first; none if the plan is done.
   *
   * @param settled whether a job is done, or given up
   */
  ImmutableList<Job> open(Predicate<Job> settled);

  /** One plan beside another: what can be done of the first, then what can be of the second. */
  default StudyPlan and(StudyPlan other) {
    return settled ->
        ImmutableList.<Job>builder().addAll(open(settled)).addAll(other.open(settled)).build();
  }

  /** One plan after another: the second may read what the first left. */
  default StudyPlan then(StudyPlan next) {
    return settled -> {
      ImmutableList<Job> first = open(settled);
      return first.isEmpty() ? next.open(settled) : first;
    };
  }

  /** Jobs that do not depend on each other. */
  static StudyPlan of(Jobs jobs) {
    return settled ->
        jobs.all().stream()
            .filter(job -> !settled.test(job))
            .collect(ImmutableList.toImmutableList());
  }

  /** Makes jobs, once those that they depend on are settled. */
  @FunctionalInterface
  interface Jobs {
    ImmutableList<Job> all();
  }
}
