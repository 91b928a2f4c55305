package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The jobs of a study: on each task, models are prepared, each method's settings are searched with
 * a seed and prompts of their own, and the chosen settings are run with several seeds on prompts
 * that nothing has seen.
 */
final class Study implements AutoCloseable {

  /** What is compared; all begin at the same supervised policy. */
  static final ImmutableList<Objective> METHODS =
      ImmutableList.of(
          Objective.PPO, Objective.ONLINE_DPO, Objective.P3O_V1, Objective.P3O_V2);

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
      return seeds(Math.min(seeds, 3));
    }

    ImmutableList<Long> all() {
      return seeds(seeds);
    }

    private ImmutableList<Long> seeds(int count) {
      return IntStream.range(0, count)
          .mapToObj(i -> seed + i)
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
   * A setting that was tried.
   *
   * @param setting which
   * @param best its checkpoint of the highest reward within the cap of KL
   */
  record Tried(Setting setting, TaskBench.Checkpoint best) {}

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
        .map(setting -> searchCell(task, setting))
        .collect(ImmutableList.toImmutableList());
  }

  private Stream<Setting> searched(StudyTask task, Objective method) {
    TaskSize size = task.size(scope.small());
    List<Double> coefficients =
        method == Objective.ONLINE_DPO ? size.dpoCoefficients() : size.klCoefficients();
    return size.learningRates().stream()
        .flatMap(
            rate -> coefficients.stream().map(beta -> new Setting(method, rate, beta)));
  }

  /** How much PPO's values weigh, with its best learning rate and coefficient. */
  private ImmutableList<Cell> searchedValues(StudyTask task) {
    Setting best = best(searched(task), Objective.PPO, task);
    return task.size(scope.small()).valueCoefficients().stream()
        .map(value -> searchCell(task, best.withValueCoefficient(value)))
        .collect(ImmutableList.toImmutableList());
  }

  private Cell searchCell(StudyTask task, Setting setting) {
    long seed = scope.seed() + SEARCH_SEED;
    return cell(task, setting, seed, "search/" + task + "/" + setting.id(), TaskBench.Part.VALIDATION);
  }

  private Cell cell(
      StudyTask task, Setting setting, long seed, String path, TaskBench.Part part) {
    ImmutableMap<String, String> settings =
        ImmutableMap.<String, String>builder()
            .put("task", task.toString())
            .put("method", setting.objective().toString())
            .putAll(setting.values())
            .put("seed", String.valueOf(seed))
            .put("prompts", part.toString())
            .putAll(task.size(scope.small()).values())
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
            missing.open(
                data,
                directory.resolve(models(missing)),
                missing.size(scope.small()),
                scope.seed()));
  }

  /** What the search has found of a task, of every setting that was tried. */
  ImmutableList<Tried> tried(StudyTask task) {
    return Stream.concat(searched(task).stream(), searchedValues(task).stream())
        .filter(cell -> directory.isDone(cell.job()))
        .map(this::tried)
        .collect(ImmutableList.toImmutableList());
  }

  private Tried tried(Cell cell) {
    double cap = cell.task().size(scope.small()).klCap();
    TaskBench.Checkpoint best =
        points(cell).stream()
            .filter(point -> point.kl() <= cap)
            .max(Comparator.comparingDouble(TaskBench.Checkpoint::reward))
            .orElseThrow();
    return new Tried(cell.setting(), best);
  }

  /** The checkpoints of a run that is done. */
  ImmutableList<TaskBench.Checkpoint> points(Cell cell) {
    return directory.read(cell.job(), TaskBench.POINTS, TaskBench.Checkpoint.class);
  }

  /** The setting of the highest reward on validation prompts within the cap of KL. */
  Setting best(StudyTask task, Objective method) {
    return best(
        ImmutableList.<Cell>builder().addAll(searched(task)).addAll(searchedValues(task)).build(),
        method,
        task);
  }

  private Setting best(List<Cell> searched, Objective method, StudyTask task) {
    return searched.stream()
        .filter(cell -> cell.setting().objective() == method && directory.isDone(cell.job()))
        .map(this::tried)
        .max(Comparator.comparingDouble(each -> each.best().reward()))
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "search: expected a setting of " + method + " on " + task + ", all failed"))
        .setting();
  }

  /** The runs of every method on a task, with the settings that the search chose. */
  ImmutableList<Cell> cells(StudyTask task) {
    return METHODS.stream()
        .map(method -> best(task, method))
        .flatMap(
            setting ->
                scope.all().stream()
                    .map(
                        seed ->
                            cell(
                                task,
                                setting,
                                seed,
                                "cells/" + task + "/" + setting.objective() + "/" + seed,
                                TaskBench.Part.TEST)))
        .collect(ImmutableList.toImmutableList());
  }

  /** The runs of an ablation. */
  ImmutableList<Cell> cells(Ablation ablation) {
    return ablation.settings(best(CHEAP, Objective.P3O_V2)).stream()
        .flatMap(setting -> few(setting, "ablations/" + ablation + "/" + setting.id()))
        .collect(ImmutableList.toImmutableList());
  }

  /** The runs on distorted rewards; those on the reward as it is are {@link #cells}'. */
  ImmutableList<Cell> stressed() {
    return Stream.of(Stress.values())
        .filter(stress -> stress != Stress.NONE)
        .flatMap(
            stress ->
                METHODS.stream()
                    .map(method -> best(CHEAP, method).withStress(stress))
                    .flatMap(
                        setting ->
                            few(setting, "stress/" + stress + "/" + setting.objective())))
        .collect(ImmutableList.toImmutableList());
  }

  private Stream<Cell> few(Setting setting, String path) {
    return scope.fewer().stream()
        .map(seed -> cell(CHEAP, setting, seed, path + "/" + seed, TaskBench.Part.TEST));
  }

  @Override
  public void close() {
    benches.values().forEach(TaskBench::close);
  }
}
