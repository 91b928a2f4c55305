package io.github.p3o.examples.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.LinkedListMultimap;
import com.google.common.collect.ListMultimap;
import com.google.common.collect.Lists;
import io.github.p3o.examples.run.StepLog;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The lines of a metrics.jsonl as curves. Stages that differ in {@code -seedN} alone are runs of
 * one method: their curve is the mean over seeds, with its standard error.
 */
final class Measurements {

  /** Points of a curve at most; of more, means of neighbours are shown. */
  private static final int MOST_POINTS = 200;

  private static final Pattern SEED =
      Pattern.compile(
          Arrays.stream(JudgedOn.values())
              .map(on -> on.suffix() + "$|")
              .collect(Collectors.joining("", "-seed-?\\d+(?=", "-alarm$|$)")));
  private static final String ERROR = "_standard_error";

  private final ListMultimap<String, JsonNode> byStage = LinkedListMultimap.create();

  Measurements(Iterable<JsonNode> lines) {
    lines.forEach(line -> byStage.put(line.path("stage").asText(), line));
  }

  /** Methods and stages that measured something, without seeds, in order of time. */
  ImmutableSet<String> stagesWith(String metric) {
    Set<String> stages = new LinkedHashSet<>();
    byStage
        .asMap()
        .forEach(
            (stage, lines) -> {
              if (lines.stream().anyMatch(line -> line.has(metric))) {
                stages.add(SEED.matcher(stage).replaceFirst(""));
              }
            });
    return ImmutableSet.copyOf(stages);
  }

  /** Alarms of all stages, in order of time. */
  ImmutableList<JsonNode> alarms() {
    return byStage.values().stream()
        .filter(line -> line.path("stage").asText().endsWith(StepLog.ALARM))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * The curve of a stage.
   *
   * @param stage without a seed
   * @param name for the legend
   * @param x the metric to the right, or {@code step}
   * @param y the metric upwards
   */
  Curve curve(String stage, String name, String x, String y) {
    List<List<JsonNode>> seeds =
        byStage.asMap().entrySet().stream()
            .filter(lines -> SEED.matcher(lines.getKey()).replaceFirst("").equals(stage))
            .map(lines -> lines.getValue().stream().filter(line -> line.has(y)).toList())
            .filter(lines -> !lines.isEmpty())
            .toList();
    int length = seeds.stream().mapToInt(List::size).min().orElse(0);
    List<Curve.Point> points = new ArrayList<>();
    for (int i = 0; i < length; i++) {
      int index = i;
      points.add(point(seeds.stream().map(lines -> lines.get(index)).toList(), x, y));
    }
    return new Curve(name, thinned(points.stream().filter(Measurements::isFinite).toList()));
  }

  private static Curve.Point point(List<JsonNode> seeds, String x, String y) {
    double right = Estimate.of(values(seeds, x)).mean();
    Estimate up = Estimate.of(values(seeds, y));
    double error = seeds.size() > 1 ? up.standardError() : values(seeds, y + ERROR)[0];
    return new Curve.Point(right, up.mean(), error);
  }

  /** Not finite numbers are texts, and what was not measured is not there. */
  private static double[] values(List<JsonNode> lines, String metric) {
    return lines.stream()
        .mapToDouble(
            line -> line.path(metric).isNumber() ? line.path(metric).asDouble() : Double.NaN)
        .toArray();
  }

  private static boolean isFinite(Curve.Point point) {
    return Double.isFinite(point.x()) && Double.isFinite(point.y());
  }

  private static ImmutableList<Curve.Point> thinned(List<Curve.Point> points) {
    int each = (points.size() + MOST_POINTS - 1) / MOST_POINTS;
    return each <= 1
        ? ImmutableList.copyOf(points)
        : Lists.partition(points, each).stream()
            .map(
                part ->
                    new Curve.Point(
                        mean(part, Curve.Point::x),
                        mean(part, Curve.Point::y),
                        mean(part, Curve.Point::error)))
            .collect(ImmutableList.toImmutableList());
  }

  private static double mean(List<Curve.Point> points, ToDoubleFunction<Curve.Point> value) {
    return points.stream().mapToDouble(value).average().orElseThrow();
  }

  /** Reward, or anything else, against KL, as policies were judged: a curve for each method. */
  ImmutableList<Curve> judged(String x, String y) {
    return stagesWith("eval/kl").stream()
        .map(stage -> curve(stage, method(stage), x, y))
        .filter(curve -> !curve.points().isEmpty())
        .collect(ImmutableList.toImmutableList());
  }

  /** Which prompts the policies were judged on. */
  JudgedOn judgedOn() {
    return stagesWith("eval/kl").stream()
            .anyMatch(stage -> stage.endsWith(JudgedOn.TRAINING.suffix()))
        ? JudgedOn.TRAINING
        : JudgedOn.HELD_OUT;
  }

  /** The stage whose policy or model was measured; the same if it is no such measurement. */
  static String method(String stage) {
    for (JudgedOn on : JudgedOn.values()) {
      if (stage.endsWith(on.suffix())) {
        return stage.substring(0, stage.length() - on.suffix().length());
      }
    }
    return stage;
  }
}
