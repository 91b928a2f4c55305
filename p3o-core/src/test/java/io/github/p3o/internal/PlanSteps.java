package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import java.util.Map;
import java.util.TreeMap;

/** What programs that have run consist of. */
final class PlanSteps {

  private PlanSteps() {}

  /** In their order: ND4J's ops by their names, others by that of their class. */
  static ImmutableList<String> of(Program program) {
    return program.steps().stream()
        .map(step -> step instanceof NativeStep op ? op.opName() : step.getClass().getSimpleName())
        .collect(ImmutableList.toImmutableList());
  }

  /** How many of each there are. */
  static Map<String, Integer> counts(Program program) {
    Map<String, Integer> counts = new TreeMap<>();
    of(program).forEach(name -> counts.merge(name, 1, Integer::sum));
    return ImmutableSortedMap.copyOf(counts);
  }

  /** How many more of each there are in the first than in the second. */
  static Map<String, Integer> difference(Map<String, Integer> first, Map<String, Integer> second) {
    Map<String, Integer> difference = new TreeMap<>(first);
    second.forEach((name, count) -> difference.merge(name, -count, Integer::sum));
    difference.values().removeIf(count -> count == 0);
    return difference;
  }
}
