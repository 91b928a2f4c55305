package io.github.p3o.examples.study;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.SeedOptions;
import io.github.p3o.examples.run.UsageException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o experiment}. */
@Command(
    name = "experiment",
    header = "Compares PPO, online DPO and P3O by reward against KL, with several seeds.",
    description = {
      "",
      "On each task, every method gets as many samples and a search of its own over learning rate"
          + " and KL coefficient, on other seeds and prompts; then the chosen settings are run with"
          + " several seeds and judged on held-out prompts. DIR/results.md has the tables.",
      "",
      "A study goes on where it stopped when the command is given again with the same --out;"
          + " given a second time while it runs, both share the work."
    },
    footer = {
      "  p3o experiment --task grammar --small  to see that it works",
      "  p3o experiment --task grammar          one task",
      "  p3o experiment --ablate clip-lr        one thing about P3O varied",
      "  p3o experiment --stress                every method on distorted rewards"
    })
public final class ExperimentCommand implements Callable<Integer> {

  @Mixin private final SeedOptions common = new SeedOptions();

  @Option(
      names = "--task",
      split = ",",
      paramLabel = "NAME",
      defaultValue = "grammar,stories,hh",
      description = "Some of ${COMPLETION-CANDIDATES} (default: all whose data is there).")
  private List<StudyTask> tasks = List.of();

  @Option(
      names = "--ablate",
      paramLabel = "NAME",
      description =
          "Instead, vary one thing about P3O on the task grammar: ${COMPLETION-CANDIDATES}.")
  private @Nullable Ablation ablation;

  @Option(
      names = "--stress",
      description = "Instead, distort the reward of the task grammar, under every method.")
  private boolean stress;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      description = "Runs of each method (default: 5; 2 if small).")
  private @Nullable Integer seeds;

  @Option(names = "--small", description = "Less of everything, to see that it works.")
  private boolean small;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      defaultValue = "../shared/data",
      description = "Where stories260k and hh-rlhf are (default: ${DEFAULT-VALUE}).")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path data;

  @Option(
      order = 91,
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "runs/experiment",
      description = "The study, new or to go on with (default: ${DEFAULT-VALUE}).")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path out;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    Console console = Run.console(spec, common.display());
    Study.Scope scope =
        new Study.Scope(small, common.seed(), seeds != null ? seeds : small ? 2 : 5);
    Checks.atLeast("--seeds", 1, scope.seeds());
    if (ablation != null && stress) {
      throw new UsageException("--ablate, --stress: expected at most one of them, got both");
    }
    ImmutableList<StudyTask> available =
        ablation == null && !stress ? available(console) : ImmutableList.of();
    try (StudyDirectory directory =
            StudyDirectory.open(out, ImmutableMap.of("small", small, "seed", common.seed()));
        Study study = new Study(directory, data, scope)) {
      StudyRunner.End end = new StudyRunner(directory, console).run(plan(study, available));
      if (end != StudyRunner.End.INTERRUPTED) {
        new StudyReport(study, directory, console, asked(available)).write();
      }
      return switch (end) {
        case DONE -> 0;
        case FAILED -> 1;
        case INTERRUPTED -> Run.INTERRUPTED;
      };
    }
  }

  private StudyPlan plan(Study study, ImmutableList<StudyTask> available) {
    if (ablation != null) {
      return study.ablation(ablation);
    }
    return stress ? study.stress() : study.comparison(available);
  }

  private ImmutableSet<String> asked(ImmutableList<StudyTask> available) {
    if (ablation != null) {
      return ImmutableSet.of(ablation.toString());
    }
    return stress
        ? ImmutableSet.of(StudyReport.STRESS)
        : available.stream().map(StudyTask::toString).collect(ImmutableSet.toImmutableSet());
  }

  private ImmutableList<StudyTask> available(Console console) {
    ImmutableList<StudyTask> available =
        tasks.stream()
            .filter(task -> task.missing(data).isEmpty())
            .collect(ImmutableList.toImmutableList());
    if (available.isEmpty()) {
      throw new UsageException(
          String.format(
              Locale.ROOT,
              "--data: expected a directory with what %s asks for, got no %s",
              tasks.get(0),
              tasks.get(0).missing(data).get(0)));
    }
    for (StudyTask task : tasks) {
      if (!available.contains(task)) {
        console.note(task + ": skipped, as there is no " + task.missing(data).get(0));
      }
    }
    return available;
  }
}
