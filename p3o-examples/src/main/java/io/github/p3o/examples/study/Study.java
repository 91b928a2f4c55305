package io.github.p3o.examples.study;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Multimaps;
import io.github.p3o.HealthAlarm;
import io.github.p3o.examples.align.Evaluations;
import io.github.p3o.examples.align.Judged;
import io.github.p3o.examples.align.Objective;
import io.github.p3o.examples.run.RunDirectory;
import io.github.p3o.examples.run.StepLog;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The jobs of a study: on each task, models are prepared, each method's settings are searched with
 * seeds and prompts of their own, and the chosen settings are run with several seeds on prompts
 * that nothing has seen.
 */
final class Study implements AutoCloseable {

  /** What is compared; all begin at the same supervised policy. */
  static final ImmutableList<Objective> METHODS =
      ImmutableList.of(Objective.PPO, Objective.ONLINE_DPO, Objective.P3O_V1, Objective.P3O_V2);

  /** Far from the seeds of the runs that are reported. */
  private static final long SEARCH_SEED = 1000;

  /** Where ablations and stress are done. */
  static final StudyTask CHEAP = StudyTask.GRAMMAR;

  private final StudyDirectory directory;
  private final Path data;
  private final Scope scope;
  private final Map<StudyTask, TaskBench> benches = new EnumMap<>(StudyTask.class);

  /**
   * How much is done.
   *
   * @param small to see that it works
   * @param seed every random choice follows from it
   * @param seeds runs of each method
   */
  record Scope(boolean small, long seed, int seeds) {

    /** Seeds of ablations and stress. */
    ImmutableList<Long> fewer() {
      return seeds(small ? 1 : Math.min(seeds, 5));
    }

    ImmutableList<Long> all() {
      return seeds(seeds);
    }

    /** Seeds of the search. */
    ImmutableList<Long> searched(int count) {
      return seeds(seed + SEARCH_SEED, count);
    }

    private ImmutableList<Long> seeds(int count) {
      return seeds(seed, count);
    }

    private static ImmutableList<Long> seeds(long first, int count) {
      return IntStream.range(0, count)
          .mapToObj(i -> first + i)
          .collect(ImmutableList.toImmutableList());
    }
  }

  /**
   * A run of the study.
   *
   * @param task on which
   * @param setting how
   * @param seed of the training
   * @param job that does it
   */
  record Cell(StudyTask task, Setting setting, long seed, Job job) {}

  /**
   * A setting that was tried: means over the runs of the search.
   *
   * @param setting which
   * @param score {@link KlBudgets#score} on validation prompts, by which settings are chosen
   * @param best the highest reward within the cap of KL
   * @param kl where it was
   */
  record Tried(Setting setting, double score, double best, double kl) {}

  Study(StudyDirectory directory, Path data, Scope scope) {
    this.directory = directory;
    this.data = data;
    this.scope = scope;
  }

  /** Every method on some tasks. */
  StudyPlan comparison(List<StudyTask> tasks) {
    return tasks.stream()
        .map(task -> search(task).then(StudyPlan.of(() -> jobs(cells(task)))))
        .reduce(StudyPlan.of(ImmutableList::of), StudyPlan::and);
  }

  /** One thing about P3O varied. */
  StudyPlan ablation(Ablation ablation) {
    return search(CHEAP).then(StudyPlan.of(() -> jobs(cells(ablation))));
  }

  /** Every method on distorted rewards. */
  StudyPlan stress() {
    return search(CHEAP).then(StudyPlan.of(() -> jobs(stressed())));
  }

  private static ImmutableList<Job> jobs(List<Cell> cells) {
    return cells.stream().map(Cell::job).collect(ImmutableList.toImmutableList());
  }

  private StudyPlan search(StudyTask task) {
    return StudyPlan.of(() -> ImmutableList.of(preparation(task)))
        .then(StudyPlan.of(() -> jobs(searched(task))))
        .then(StudyPlan.of(() -> jobs(searchedValues(task))));
  }

  private Job preparation(StudyTask task) {
    return new Job(
        models(task),
        ImmutableMap.of("about", task.about()),
        run -> task.prepare(data, scope.small(), scope.seed(), run));
  }

  private static String models(StudyTask task) {
    return "tasks/" + task;
  }

  /** Learning rates and coefficients of every method. */
  private ImmutableList<Cell> searched(StudyTask task) {
    return METHODS.stream()
        .flatMap(method -> searched(task, method))
        .flatMap(setting -> searchCells(task, setting))
        .collect(ImmutableList.toImmutableList());
  }

  private Stream<Setting> searched(StudyTask task, Objective method) {
    TaskSize size = size(task);
    List<Double> coefficients =
        method == Objective.ONLINE_DPO ? size.dpoCoefficients() : size.klCoefficients();
    return size.learningRates().stream()
        .flatMap(rate -> coefficients.stream().map(beta -> new Setting(method, rate, beta)))
        .flatMap(setting -> withLambdas(setting, size));
  }

  private static Stream<Setting> withLambdas(Setting setting, TaskSize size) {
    return setting.objective() == Objective.PPO
        ? Stream.concat(
            Stream.of(setting),
            size.gaeLambdas().stream().map(value -> setting.with(Setting.Constant.LAMBDA, value)))
        : Stream.of(setting);
  }

  /** How much PPO's values weigh, with its best learning rate, coefficient and λ. */
  private ImmutableList<Cell> searchedValues(StudyTask task) {
    Setting best = best(tried(searched(task)), Objective.PPO, task);
    return size(task).valueCoefficients().stream()
        .flatMap(value -> searchCells(task, best.with(Setting.Constant.VALUE, value)))
        .collect(ImmutableList.toImmutableList());
  }

  private Stream<Cell> searchCells(StudyTask task, Setting setting) {
    return scope.searched(size(task).searchSeeds()).stream()
        .map(
            seed ->
                cell(
                    task,
                    setting,
                    seed,
                    "search/" + task + "/" + setting.id() + "/" + seed,
                    TaskBench.Part.VALIDATION));
  }

  private Cell cell(StudyTask task, Setting setting, long seed, String path, TaskBench.Part part) {
    ImmutableMap<String, String> settings =
        ImmutableMap.<String, String>builder()
            .put("task", task.toString())
            .put("method", setting.objective().toString())
            .putAll(setting.values())
            .put("seed", String.valueOf(seed))
            .put("prompts", part.toString())
            .putAll(size(task).values())
            .buildOrThrow();
    return new Cell(
        task,
        setting,
        seed,
        new Job(path, settings, run -> bench(task).align(setting, seed, part, run)));
  }

  private TaskBench bench(StudyTask task) {
    return benches.computeIfAbsent(
        task,
        missing ->
            missing.open(data, directory.resolve(models(missing)), size(missing), scope.seed()));
  }

  /** What the search has found of a task, of every setting that was tried. */
  ImmutableList<Tried> tried(StudyTask task) {
    return tried(
        ImmutableList.<Cell>builder().addAll(searched(task)).addAll(searchedValues(task)).build());
  }

  private ImmutableList<Tried> tried(List<Cell> searched) {
    return Multimaps.index(done(searched), Cell::setting).asMap().values().stream()
        .map(this::tried)
        .collect(ImmutableList.toImmutableList());
  }

  private Tried tried(Collection<Cell> runs) {
    Cell any = runs.iterator().next();
    KlBudgets budgets = new KlBudgets(size(any.task()).klCap());
    List<ImmutableList<TaskBench.Checkpoint>> all = runs.stream().map(this::points).toList();
    List<TaskBench.Checkpoint> best = all.stream().map(budgets::best).toList();
    return new Tried(
        any.setting(),
        mean(all, budgets::score),
        mean(best, TaskBench.Checkpoint::reward),
        mean(best, TaskBench.Checkpoint::kl));
  }

  private static <T> double mean(List<T> all, ToDoubleFunction<T> value) {
    return all.stream().mapToDouble(value).average().orElseThrow();
  }

  /** The checkpoints of a run that is done. */
  ImmutableList<TaskBench.Checkpoint> points(Cell cell) {
    return directory.read(cell.job(), TaskBench.POINTS, TaskBench.Checkpoint.class);
  }

  /** Which alarms a run that is done has raised. */
  ImmutableSet<HealthAlarm.Kind> alarms(Cell cell) {
    return directory.read(cell.job(), RunDirectory.METRICS, JsonNode.class).stream()
        .filter(line -> line.has(StepLog.ALARM_KIND))
        .map(line -> HealthAlarm.Kind.valueOf(line.path(StepLog.ALARM_KIND).asText()))
        .collect(ImmutableSet.toImmutableSet());
  }

  /** The setting of the highest score on validation prompts. */
  Setting best(StudyTask task, Objective method) {
    return best(tried(task), method, task);
  }

  private static Setting best(List<Tried> tried, Objective method, StudyTask task) {
    return tried.stream()
        .filter(each -> each.setting().objective() == method)
        .max(Comparator.comparingDouble(Tried::score))
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "search: expected a setting of " + method + " on " + task + ", all failed"))
        .setting();
  }

  /**
   * The runs of every method on a task, with the settings that the search chose; first all with the
   * first seed.
   */
  ImmutableList<Cell> cells(StudyTask task) {
    ImmutableList<Setting> best =
        METHODS.stream().map(method -> best(task, method)).collect(ImmutableList.toImmutableList());
    return scope.all().stream()
        .flatMap(seed -> best.stream().map(setting -> testCell(task, setting, seed)))
        .collect(ImmutableList.toImmutableList());
  }

  private Cell testCell(StudyTask task, Setting setting, long seed) {
    String path = "cells/" + task + "/" + setting.objective() + "/" + seed;
    return cell(task, setting, seed, path, TaskBench.Part.TEST);
  }

  /** The runs of an ablation. */
  ImmutableList<Cell> cells(Ablation ablation) {
    ImmutableList<Setting> settings = ablation.settings(best(CHEAP, Objective.P3O_V2));
    return few(settings.stream(), setting -> "ablations/" + ablation + "/" + setting.id());
  }

  /** The runs on distorted rewards; those on the reward as it is are {@link #cells}'. */
  ImmutableList<Cell> stressed() {
    Stream<Setting> settings =
        Stream.of(Stress.values())
            .filter(stress -> stress != Stress.NONE)
            .flatMap(
                stress -> METHODS.stream().map(method -> best(CHEAP, method).withStress(stress)));
    return few(settings, setting -> "stress/" + setting.stress() + "/" + setting.objective());
  }

  /** A few seeds of each setting; first all with the first seed. */
  private ImmutableList<Cell> few(Stream<Setting> settings, Function<Setting, String> path) {
    ImmutableList<Setting> all = settings.collect(ImmutableList.toImmutableList());
    return scope.fewer().stream()
        .flatMap(
            seed ->
                all.stream()
                    .map(
                        setting ->
                            cell(
                                CHEAP,
                                setting,
                                seed,
                                path.apply(setting) + "/" + seed,
                                TaskBench.Part.TEST)))
        .collect(ImmutableList.toImmutableList());
  }

  /** How much work a task is. */
  TaskSize size(StudyTask task) {
    return task.size(scope.small());
  }

  /** Whether the search of a task is over, and each method has been run. */
  boolean hasRuns(StudyTask task) {
    return search(task).open(directory::isDone).isEmpty()
        && done(cells(task)).stream().map(cell -> cell.setting().objective()).distinct().count()
            == METHODS.size();
  }

  /** Those of the runs that are done. */
  ImmutableList<Cell> done(List<Cell> cells) {
    return cells.stream()
        .filter(cell -> directory.isDone(cell.job()))
        .collect(ImmutableList.toImmutableList());
  }

  /** What the runs of a task have found. */
  TaskResults results(StudyTask task) {
    return results(task, done(cells(task)), cell -> cell.setting().objective().toString());
  }

  /** What some runs have found. */
  TaskResults results(StudyTask task, List<Cell> done, Function<Cell, String> names) {
    return TaskResults.of(this, task, size(task).klCap(), done, names);
  }

  /** What a run was judged before its first step. */
  Judged first(Cell cell) {
    return judged(cell, points(cell).get(0).step());
  }

  /** What a run was judged after its last step. */
  Judged last(Cell cell) {
    ImmutableList<TaskBench.Checkpoint> points = points(cell);
    return judged(cell, points.get(points.size() - 1).step());
  }

  /** What a run was judged after a step. */
  Judged judged(Cell cell, int step) {
    try (RunDirectory run = RunDirectory.toRead(directory.resolve(cell.job().path()))) {
      return Evaluations.read(step, run);
    }
  }

  /** Mean seconds of a method's runs that are done. */
  double seconds(StudyTask task, Objective method) {
    return done(cells(task)).stream()
        .filter(cell -> cell.setting().objective() == method)
        .mapToDouble(cell -> directory.seconds(cell.job()))
        .average()
        .orElse(Double.NaN);
  }

  /** Seconds of the search of all methods, preparation included, on one core. */
  double searchSeconds(StudyTask task) {
    return Stream.of(searched(task), searchedValues(task))
            .flatMap(List::stream)
            .filter(cell -> directory.isDone(cell.job()))
            .mapToDouble(cell -> directory.seconds(cell.job()))
            .sum()
        + directory.seconds(preparation(task));
  }

  @Override
  public void close() {
    benches.values().forEach(TaskBench::close);
  }
}
