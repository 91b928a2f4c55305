package io.github.p3o.internal;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.HealthAlarm;
import io.github.p3o.HealthAlarm.Kind;
import io.github.p3o.HealthThresholds;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/** The rules of health: each looks at the metrics of a step and of those before. */
public final class HealthRules {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final HealthThresholds limits;
  private final long step;
  private final Map<String, Double> now;
  private final List<ImmutableMap<String, Double>> first;
  private final List<ImmutableMap<String, Double>> before;
  private final Map<String, Double> best;
  private final ImmutableList.Builder<HealthAlarm> alarms = ImmutableList.builder();

  /**
   * What the rules look at.
   *
   * @param first the first few steps of the run
   * @param before the last few steps, without this one
   * @param best where gold was greatest so far; empty without gold
   */
  public HealthRules(
      HealthThresholds limits,
      long step,
      Map<String, Double> now,
      List<ImmutableMap<String, Double>> first,
      List<ImmutableMap<String, Double>> before,
      Map<String, Double> best) {
    this.limits = limits;
    this.step = step;
    this.now = now;
    this.first = first;
    this.before = before;
    this.best = best;
  }

  /** All that is wrong now. */
  public ImmutableList<HealthAlarm> alarms() {
    kl();
    signal();
    collapse();
    updates();
    hacking();
    return alarms.build();
  }

  private void kl() {
    String name = "objective/kl";
    List<Double> window = lastWindow(name);
    double mean = window.stream().mapToDouble(x -> x).average().orElse(Double.NaN);
    alarmIf(
        window.size() == limits.window()
            && window.stream().allMatch(x -> x < 0)
            && mean < -limits.negativeKl(),
        Kind.NEGATIVE_KL,
        mean,
        -limits.negativeKl(),
        "%s: expected a mean of at least %s over the last steps, got %s",
        name);
    if (before.stream().filter(metrics -> metrics.containsKey(name)).count() < limits.window()) {
      return; // it begins at 0, from where every step is a jump
    }
    double usual = mean(before, name).orElse(Double.NaN);
    double spike = Math.max(limits.klSpikeFactor() * usual, usual + limits.klSpikeNats());
    alarmIf(
        now(name) > spike,
        Kind.KL_SPIKE,
        now(name),
        spike,
        "%s: expected at most %s, got %s",
        name);
  }

  private void signal() {
    String zero = "frac_zero_signal";
    alarmIf(
        now.containsKey(zero) && now(zero) >= limits.zeroSignal(),
        Kind.NO_SIGNAL,
        now(zero),
        limits.zeroSignal(),
        "%s: expected below %s, got %s",
        zero);
    String clipped = "completions/clipped_ratio";
    alarmIf(
        now.containsKey(clipped) && now(clipped) == 1,
        Kind.ALL_TRUNCATED,
        now(clipped),
        1,
        "%s: expected below %s, got %s",
        clipped);
  }

  private void collapse() {
    String length = "completions/mean_length";
    double atFirst = mean(first, length).orElse(Double.NaN);
    double longest = atFirst * limits.lengthFactor();
    double shortest = atFirst / limits.lengthFactor();
    boolean grown = now(length) > longest;
    alarmIf(
        grown || now(length) < shortest,
        Kind.LENGTH_DRIFT,
        now(length),
        grown ? longest : shortest,
        grown ? "%s: expected at most %s, got %s" : "%s: expected at least %s, got %s",
        length);
    // Per token: the entropy of a whole response grows with its length.
    String entropy = "objective/entropy";
    double perToken = now(entropy) / now(length);
    double least = limits.entropyShare() * mean(first, entropy).orElse(Double.NaN) / atFirst;
    alarmIf(
        perToken < least,
        Kind.ENTROPY_COLLAPSE,
        perToken,
        least,
        "%s: expected at least %s a token, got %s",
        entropy);
  }

  private void updates() {
    String clip = "policy/clipfrac_avg";
    List<Double> window = lastWindow(clip);
    double mean = window.stream().mapToDouble(x -> x).average().orElse(Double.NaN);
    alarmIf(
        window.size() == limits.window() && mean > limits.clipFraction(),
        Kind.CLIP_FRACTION,
        mean,
        limits.clipFraction(),
        "%s: expected a mean of at most %s over the last steps, got %s",
        clip);
    String sample = "policy/effective_sample_fraction";
    alarmIf(
        now(sample) < limits.effectiveSample(),
        Kind.LOW_EFFECTIVE_SAMPLE,
        now(sample),
        limits.effectiveSample(),
        "%s: expected at least %s, got %s",
        sample);
  }

  private void hacking() {
    String gold = "eval/gold";
    String reward = "eval/reward";
    double risen = now(reward) - best.getOrDefault(reward, Double.NaN);
    double fallen = best.getOrDefault(gold, Double.NaN) - now(gold);
    double bound = limits.hackingErrors() * errors(gold);
    alarmIf(
        risen > limits.hackingErrors() * errors(reward) && fallen > bound,
        Kind.REWARD_HACKING,
        fallen,
        bound,
        "%s: expected at most %s below its best while eval/reward rises, got %s",
        gold);
  }

  /** The standard error of the difference between now and the best; NaN if it was not measured. */
  private double errors(String name) {
    String error = name + "_standard_error";
    return Math.hypot(now(error), best.getOrDefault(error, Double.NaN));
  }

  /** NaN if it was not measured: no comparison with it holds. */
  private double now(String name) {
    return now.getOrDefault(name, Double.NaN);
  }

  private static OptionalDouble mean(List<ImmutableMap<String, Double>> steps, String name) {
    return steps.stream()
        .filter(metrics -> metrics.containsKey(name))
        .mapToDouble(metrics -> metrics.getOrDefault(name, Double.NaN))
        .average();
  }

  /** The last values, with that of this step; fewer at the start. */
  private List<Double> lastWindow(String name) {
    if (!now.containsKey(name)) {
      return ImmutableList.of();
    }
    List<Double> values =
        before.stream()
            .filter(metrics -> metrics.containsKey(name))
            .map(metrics -> metrics.getOrDefault(name, Double.NaN))
            .toList();
    int more = Math.min(values.size(), limits.window() - 1);
    return ImmutableList.<Double>builder()
        .addAll(values.subList(values.size() - more, values.size()))
        .add(now(name))
        .build();
  }

  private void alarmIf(
      boolean wrong, Kind kind, double value, double threshold, String message, String name) {
    if (wrong) {
      String text = String.format(Locale.ROOT, message, name, digits(threshold), digits(value));
      alarms.add(alarm(kind, step, value, threshold, text));
    }
  }

  /**
   * An alarm whose message says all of it.
   *
   * @param seen what was expected and what was seen
   */
  public static HealthAlarm alarm(
      Kind kind, long step, double value, double threshold, String seen) {
    return new HealthAlarm(kind, step, value, threshold, kind + ": " + seen + hint(kind));
  }

  /** What it means, or what may help. */
  private static String hint(Kind kind) {
    return switch (kind) {
      case NON_FINITE -> "; look at the reward, then at the learning rate";
      case RATIO_NOT_ONE -> ""; // what was seen asks for the cause
      case NEGATIVE_KL ->
          "; sampling and scoring disagree: do they use the same temperature and truncation?";
      case KL_SPIKE -> "; a higher KL coefficient or a lower learning rate holds it back";
      case NO_SIGNAL -> "; other prompts may help, or a reward that tells responses apart";
      case ALL_TRUNCATED -> "; rewards are of beginnings; more new tokens allow for ends";
      case ENTROPY_COLLAPSE -> "; a higher KL coefficient keeps responses different";
      case LENGTH_DRIFT -> "; samples show whether the reward pays for length";
      case CLIP_FRACTION, LOW_EFFECTIVE_SAMPLE ->
          "; updates go too far for their pairs; lower the learning rate or the epochs per step";
      case REWARD_HACKING ->
          "; samples show what the reward likes; a higher KL coefficient delays it";
    };
  }

  private static String digits(double value) {
    return String.format(Locale.ROOT, "%.4g", value);
  }

  /**
   * What a monitor remembers.
   *
   * @param first as {@link HealthRules} has it
   * @param recent the last few steps
   * @param best likewise
   * @param active alarms that have begun and not ended
   */
  public record Memory(
      ImmutableList<ImmutableMap<String, Double>> first,
      ImmutableList<ImmutableMap<String, Double>> recent,
      ImmutableMap<String, Double> best,
      ImmutableSet<Kind> active) {}

  /** A memory as text. */
  public static String write(Memory memory) {
    try {
      return JSON.writeValueAsString(
          ImmutableMap.of(
              "first", memory.first(),
              "recent", memory.recent(),
              "best", memory.best(),
              "active", memory.active()));
    } catch (JsonProcessingException e) {
      throw new AssertionError(e); // maps of numbers are always JSON
    }
  }

  /**
   * Reads what {@link #write} gave.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Memory read(String text) {
    try {
      JsonNode state = JSON.readTree(text);
      ImmutableSet.Builder<Kind> active = ImmutableSet.builder();
      state.path("active").forEach(kind -> active.add(Kind.valueOf(kind.asText())));
      return new Memory(
          steps(state.path("first")),
          steps(state.path("recent")),
          metrics(state.path("best")),
          active.build());
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("health: expected JSON, got " + text, e);
    }
  }

  private static ImmutableList<ImmutableMap<String, Double>> steps(JsonNode steps) {
    ImmutableList.Builder<ImmutableMap<String, Double>> all = ImmutableList.builder();
    steps.forEach(step -> all.add(metrics(step)));
    return all.build();
  }

  private static ImmutableMap<String, Double> metrics(JsonNode metrics) {
    ImmutableMap.Builder<String, Double> all = ImmutableMap.builder();
    for (Map.Entry<String, JsonNode> entry : metrics.properties()) {
      all.put(entry.getKey(), entry.getValue().asDouble());
    }
    return all.buildOrThrow();
  }
}
