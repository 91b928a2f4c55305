package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.HealthAlarm.Kind;
import io.github.p3o.testing.Bandit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class HealthMonitorTest {

  private static final int STEPS = 30;

  /** A run that learns well, by metric; noise of a fixed seed on all of it. */
  private static Map<String, IntToDoubleFunction> healthy() {
    SplittableRandom random = new SplittableRandom(1);
    double[] noise = random.doubles(STEPS, -1, 1).toArray();
    Map<String, IntToDoubleFunction> run = new LinkedHashMap<>();
    run.put("objective/kl", t -> 0.2 * t + 0.1 * noise[t]);
    run.put("objective/entropy", t -> 40 - 0.5 * t + noise[t]);
    run.put("frac_zero_signal", t -> 0.2 + 0.1 * noise[t]);
    run.put("completions/mean_length", t -> 20 + 0.2 * t + noise[t]);
    run.put("completions/clipped_ratio", t -> 0.3 + 0.1 * noise[t]);
    run.put("policy/clipfrac_avg", t -> 0.2 + 0.1 * noise[t]);
    run.put("policy/effective_sample_fraction", t -> 0.8 + 0.1 * noise[t]);
    run.put("eval/reward", t -> 0.1 * t + 0.05 * noise[t]);
    run.put("eval/gold", t -> 0.05 * t + 0.05 * noise[t]);
    run.put("eval/reward_standard_error", t -> 0.05);
    run.put("eval/gold_standard_error", t -> 0.05);
    return run;
  }

  private static ImmutableMap<String, Double> at(int step, Map<String, IntToDoubleFunction> run) {
    ImmutableMap.Builder<String, Double> metrics = ImmutableMap.builder();
    run.forEach((name, value) -> metrics.put(name, value.applyAsDouble(step)));
    return metrics.buildOrThrow();
  }

  private static List<HealthAlarm> alarms(Map<String, IntToDoubleFunction> run) {
    HealthMonitor monitor = new HealthMonitor(HealthThresholds.defaults());
    List<HealthAlarm> alarms = new ArrayList<>();
    for (int step = 0; step < STEPS; step++) {
      alarms.addAll(monitor.observe(step, at(step, run)));
    }
    return alarms;
  }

  @Test
  void observe_aHealthyRun_isSilent() {
    assertThat(alarms(healthy())).isEmpty();
  }

  /** What goes wrong, how, and when it is noticed. */
  static Stream<Arguments> sick() {
    return Stream.of(
        sick(Kind.NEGATIVE_KL, "objective/kl", t -> t < 10 ? 0 : -0.2, 14),
        sick(Kind.KL_SPIKE, "objective/kl", t -> t < 12 ? 1 : 3.5, 12),
        sick(Kind.NO_SIGNAL, "frac_zero_signal", t -> t < 8 ? 0.5 : 1, 8),
        sick(Kind.ALL_TRUNCATED, "completions/clipped_ratio", t -> t < 8 ? 0.9 : 1, 8),
        sick(Kind.ENTROPY_COLLAPSE, "objective/entropy", t -> t < 9 ? 40 : 2, 9),
        sick(Kind.LENGTH_DRIFT, "completions/mean_length", t -> 20 + 2 * t, 15),
        sick(Kind.LENGTH_DRIFT, "completions/mean_length", t -> t < 6 ? 20 : 9, 6),
        sick(Kind.CLIP_FRACTION, "policy/clipfrac_avg", t -> t < 10 ? 0.4 : 0.8, 11),
        sick(
            Kind.LOW_EFFECTIVE_SAMPLE,
            "policy/effective_sample_fraction",
            t -> t == 20 ? 0.2 : 0.5,
            20),
        sick(Kind.REWARD_HACKING, "eval/gold", t -> t < 15 ? 0.1 * t : 1.5 - 0.1 * (t - 15), 18));
  }

  private static Arguments sick(Kind kind, String metric, IntToDoubleFunction value, long step) {
    return Arguments.of(kind, metric, value, step);
  }

  @ParameterizedTest
  @MethodSource("sick")
  void observe_aRunThatGoesWrong_givesOneAlarmWhenItBegins(
      Kind kind, String metric, IntToDoubleFunction value, long step) {
    Map<String, IntToDoubleFunction> run = healthy();
    run.put(metric, value);
    List<HealthAlarm> alarms = alarms(run);
    assertThat(alarms).extracting(HealthAlarm::kind).containsExactly(kind);
    assertThat(alarms.get(0).step()).isEqualTo(step);
    assertThat(alarms.get(0).message())
        .startsWith(kind + ": " + metric + ": expected ")
        .containsPattern(", got [^;]+; \\w");
  }

  /** As a policy does that learns: at every pace. */
  @ParameterizedTest
  @ValueSource(doubles = {0.1, 1.9, 20})
  void observe_aKlThatRisesEvenlyFromTheReference_isSilent(double natsPerStep) {
    Map<String, IntToDoubleFunction> run = healthy();
    run.put("objective/kl", t -> natsPerStep * t);
    assertThat(alarms(run)).isEmpty();
  }

  @Test
  void observe_goldThatFallsWhileTheRewardDoesNotRise_isSilent() {
    Map<String, IntToDoubleFunction> run = healthy();
    run.put("eval/gold", t -> t < 15 ? 0.1 * t : 1.5 - 0.1 * (t - 15));
    run.put("eval/reward", t -> t <= 15 ? 0.1 * t : 1.5 + 0.001 * (t - 15));
    assertThat(alarms(run)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"eval/gold_standard_error", "eval/reward_standard_error"})
  void observe_goldThatFallsByNobodyKnowsHowManyErrors_isSilent(String unknown) {
    Map<String, IntToDoubleFunction> run = healthy();
    run.put("eval/gold", t -> t < 15 ? 0.1 * t : 1.5 - 0.1 * (t - 15));
    run.put(unknown, t -> Double.NaN);
    assertThat(alarms(run)).isEmpty();
    run.remove(unknown);
    assertThat(alarms(run)).isEmpty();
  }

  @Test
  void observe_entropyThatFallsWithTheLength_isSilent() {
    Map<String, IntToDoubleFunction> run = healthy();
    run.put("completions/mean_length", t -> t < 10 ? 20 : 11);
    run.put("objective/entropy", t -> t < 10 ? 40 : 3); // 2 a token, then 0.27; 0.2 is least
    assertThat(alarms(run)).isEmpty();
  }

  @Test
  void observe_whatEndsAndBeginsAgain_givesAlarmAgain() {
    Map<String, IntToDoubleFunction> run = healthy();
    run.put("frac_zero_signal", t -> t == 5 || t == 6 || t == 9 ? 1 : 0);
    assertThat(alarms(run)).extracting(HealthAlarm::step).containsExactly(5L, 9L);
  }

  @Test
  void observe_metricsThatAreNotThere_isSilent() {
    HealthMonitor monitor = new HealthMonitor(HealthThresholds.defaults());
    for (int step = 0; step < 10; step++) {
      assertThat(monitor.observe(step, ImmutableMap.of("lr", 1.0, "objective/kl", Double.NaN)))
          .isEmpty();
    }
  }

  /** At every step of a run with two alarms, a monitor in another process takes over. */
  @Test
  void restore_atAnyStep_givesTheAlarmsOfTheWholeRun() {
    Map<String, IntToDoubleFunction> run = healthy();
    run.put("objective/kl", t -> t < 10 ? 0 : -0.2);
    run.put("eval/gold", t -> t < 15 ? 0.1 * t : 1.5 - 0.1 * (t - 15));
    List<HealthAlarm> whole = alarms(run);
    assertThat(whole).hasSize(2);
    List<HealthAlarm> alarms = new ArrayList<>();
    HealthMonitor monitor = new HealthMonitor(HealthThresholds.defaults());
    for (int step = 0; step < STEPS; step++) {
      alarms.addAll(monitor.observe(step, at(step, run)));
      String state = monitor.state();
      monitor = new HealthMonitor(HealthThresholds.defaults());
      monitor.restore(state);
    }
    assertThat(alarms).isEqualTo(whole);
  }

  /** Collects alarms. */
  private static final class Alarms implements TrainingListener {
    private final List<HealthAlarm> all = new ArrayList<>();

    @Override
    public void onAlarm(HealthAlarm alarm) {
      all.add(alarm);
    }
  }

  @Test
  void train_aHealthyRun_isSilent() {
    Alarms alarms = new Alarms();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .config(Bandit.config().optimizer(OptimizerConfig.adamW(0.02)).build())
                .listener(alarms)
                .build()) {
      trainer.train(10);
    }
    assertThat(alarms.all).isEmpty();
  }

  @Test
  void train_equalRewards_givesAlarmOnce() {
    Alarms alarms = new Alarms();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .rewardModel(RewardModel.each((prompt, response) -> 0))
                .listener(alarms)
                .build()) {
      trainer.train(3);
    }
    assertThat(alarms.all).extracting(HealthAlarm::kind).containsExactly(Kind.NO_SIGNAL);
  }

  @Test
  void step_ratiosThatAreNotOne_givesAlarmBeforeTheException() {
    Alarms alarms = new Alarms();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy other =
            TabularPolicy.of(new double[][] {{9, 0, 0, 0}, new double[4], {0, 0, 0, 1}});
        P3OTrainer trainer = Bandit.trainer(policy).sampler(other).listener(alarms).build()) {
      assertThatThrownBy(trainer::step).isInstanceOf(IllegalStateException.class);
    }
    assertThat(alarms.all).extracting(HealthAlarm::kind).containsExactly(Kind.RATIO_NOT_ONE);
    assertThat(alarms.all.get(0).message())
        .startsWith("RATIO_NOT_ONE: sampler: expected the log-probability of the policy, ")
        .endsWith("Set ratioCheck OFF for responses of another policy");
  }

  /** Where the loss is not finite although every number that enters it is. */
  @Test
  void step_aPairWhoseLossIsNotFinite_isNamedInTheAlarm() {
    Alarms alarms = new Alarms();
    RewardModel oneTooLarge =
        (prompts, responses) -> {
          double[] rewards = Bandit.REWARD.score(prompts, responses);
          rewards[5] = 1e308;
          rewards[24 + 5] = -1e308;
          return rewards;
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy).rewardModel(oneTooLarge).listener(alarms).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessageContaining("pair 5");
      assertThat(trainer.stepsDone()).isZero();
    }
    assertThat(alarms.all).extracting(HealthAlarm::kind).containsExactly(Kind.NON_FINITE);
    assertThat(alarms.all.get(0).message()).contains("pair 5");
  }

  @Test
  void step_listenerThatThrows_losesNoAlarm() {
    Alarms alarms = new Alarms();
    TrainingListener throwsAtTimes =
        new TrainingListener() {
          @Override
          public void onStep(StepMetrics metrics) {
            if (metrics.step() == 1) {
              throw new IllegalStateException("no room");
            }
          }

          @Override
          public void onAlarm(HealthAlarm alarm) {
            if (alarm.kind() == Kind.NON_FINITE) {
              throw new IllegalStateException("no pager");
            }
          }
        };
    double[] worth = {1};
    RewardModel reward =
        (prompts, responses) ->
            Arrays.stream(Bandit.REWARD.score(prompts, responses)).map(r -> worth[0] * r).toArray();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .rewardModel(reward)
                .config(Bandit.config().optimizer(OptimizerConfig.adamW(0.02)).build())
                .listener(alarms)
                .listener(throwsAtTimes)
                .build()) {
      trainer.step();
      worth[0] = 0;
      assertThatThrownBy(trainer::step).hasMessage("no room");
      trainer.step();
      assertThat(trainer.stepsDone()).isEqualTo(3);
      assertThat(alarms.all).extracting(HealthAlarm::kind).containsExactly(Kind.NO_SIGNAL);
      assertThat(alarms.all.get(0).step()).isEqualTo(1);
      worth[0] = Double.NaN;
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .satisfies(e -> assertThat(e.getSuppressed()[0]).hasMessage("no pager"));
    }
  }

  /** Tells what it was told, and throws it. */
  private static TrainingListener throwing(String name, List<String> told) {
    return new TrainingListener() {
      @Override
      public void onRollout(long step, PairwiseBatch rollout) {
        tell("rollout " + step);
      }

      @Override
      public void onStep(StepMetrics metrics) {
        tell("step " + metrics.step());
      }

      @Override
      public void onAlarm(HealthAlarm alarm) {
        tell("alarm " + alarm.step());
      }

      private void tell(String event) {
        told.add(name + " " + event);
        if (!event.equals("rollout 0")) {
          throw new IllegalStateException(name + " " + event);
        }
      }
    };
  }

  @Test
  void step_listenersThatThrow_areAllToldEverythingAndTheFirstIsThrown() {
    List<String> told = new ArrayList<>();
    IllegalStateException same = new IllegalStateException("the same again");
    TrainingListener throwsTheSame =
        new TrainingListener() {
          @Override
          public void onStep(StepMetrics metrics) {
            throw same;
          }

          @Override
          public void onAlarm(HealthAlarm alarm) {
            throw same;
          }
        };
    RewardModel zeros = (prompts, responses) -> new double[responses.size()]; // NO_SIGNAL
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .rewardModel(zeros)
                .listener(throwing("a", told))
                .listener(throwing("b", told))
                .listener(throwsTheSame)
                .build()) {
      assertThatThrownBy(trainer::step)
          .hasMessage("a step 0")
          .satisfies(
              e ->
                  assertThat(e.getSuppressed())
                      .extracting(Throwable::getMessage)
                      .containsExactly(
                          "b step 0",
                          "the same again",
                          "a alarm 0",
                          "b alarm 0",
                          "the same again"));
      assertThat(told)
          .containsExactly(
              "a rollout 0", "b rollout 0", "a step 0", "b step 0", "a alarm 0", "b alarm 0");
      assertThat(trainer.stepsDone()).isEqualTo(1);
      told.clear();
      assertThatThrownBy(trainer::step).hasMessage("a rollout 1");
      assertThat(told).containsExactly("a rollout 1", "b rollout 1");
      assertThat(trainer.stepsDone()).isEqualTo(1);
    }
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .rewardModel(zeros)
                .listener(throwsTheSame)
                .listener(throwsTheSame)
                .build()) {
      assertThatThrownBy(trainer::step).isSameAs(same);
      assertThat(same).hasNoSuppressedExceptions();
    }
  }

  @ParameterizedTest
  @EnumSource
  void kinds_areAllTested(Kind kind) {
    ImmutableList<Kind> ofTheTrainer = ImmutableList.of(Kind.NON_FINITE, Kind.RATIO_NOT_ONE);
    assertThat(Stream.concat(ofTheTrainer.stream(), sick().map(sick -> sick.get()[0])))
        .contains(kind);
  }

  @Test
  void thresholds_outOfRange_areRefusedByName() {
    HealthThresholds defaults = HealthThresholds.defaults();
    assertThatThrownBy(() -> defaults.withWindow(0))
        .hasMessage("window: expected at least 1, got 0");
    assertThatThrownBy(() -> defaults.withKlSpikeFactor(1))
        .hasMessage("klSpikeFactor: expected a number > 1, got 1.0");
    assertThatThrownBy(() -> defaults.withZeroSignal(0))
        .hasMessage("zeroSignal: expected a number in (0, 1], got 0.0");
  }

  @Test
  void thresholds_withOneValue_keepTheOthers() {
    assertThat(
            HealthThresholds.defaults()
                .withWindow(7)
                .withNegativeKl(0.2)
                .withKlSpikeFactor(4)
                .withKlSpikeNats(1.5)
                .withZeroSignal(0.8)
                .withEntropyShare(0.15)
                .withLengthFactor(3)
                .withClipFraction(0.6)
                .withEffectiveSample(0.25)
                .withHackingErrors(2.5))
        .isEqualTo(new HealthThresholds(7, 0.2, 4, 1.5, 0.8, 0.15, 3, 0.6, 0.25, 2.5));
  }
}
