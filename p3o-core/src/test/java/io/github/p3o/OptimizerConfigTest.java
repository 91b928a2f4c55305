package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.OptimizerConfig.Schedule;
import io.github.p3o.RewardShaping.Scale;
import io.github.p3o.testing.Unmarked;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class OptimizerConfigTest {

  private static final OptimizerConfig PLAIN = OptimizerConfig.adamW(0.5);

  private static OptimizerConfig with(int index, double value) {
    double[] v = {0.5, 0.9, 0.95, 1e-8, 0, 1};
    v[index] = value;
    return new OptimizerConfig(v[0], v[1], v[2], v[3], v[4], v[5], 0, Schedule.CONSTANT, 0);
  }

  static Stream<Arguments> outOfRange() {
    double nan = Double.NaN;
    double infinite = Double.POSITIVE_INFINITY;
    return Stream.of(
        Arguments.of(0, 0.0, "learningRate: expected a finite number > 0, got 0.0"),
        Arguments.of(0, -1.0, "learningRate: expected a finite number > 0, got -1.0"),
        Arguments.of(0, nan, "learningRate: expected a finite number > 0, got NaN"),
        Arguments.of(0, infinite, "learningRate: expected a finite number > 0, got Infinity"),
        Arguments.of(1, -0.1, "beta1: expected a number in [0, 1), got -0.1"),
        Arguments.of(1, 1.0, "beta1: expected a number in [0, 1), got 1.0"),
        Arguments.of(1, nan, "beta1: expected a number in [0, 1), got NaN"),
        Arguments.of(2, 1.0, "beta2: expected a number in [0, 1), got 1.0"),
        Arguments.of(3, 0.0, "epsilon: expected a finite number > 0, got 0.0"),
        Arguments.of(3, nan, "epsilon: expected a finite number > 0, got NaN"),
        Arguments.of(4, -1e-9, "weightDecay: expected a finite number >= 0, got -1.0E-9"),
        Arguments.of(4, infinite, "weightDecay: expected a finite number >= 0, got Infinity"),
        Arguments.of(5, 0.0, "maxGradientNorm: expected a number > 0, got 0.0"),
        Arguments.of(5, nan, "maxGradientNorm: expected a number > 0, got NaN"));
  }

  @ParameterizedTest
  @MethodSource("outOfRange")
  void constructor_valueOutOfRange_isRefusedByName(int index, double value, String message) {
    assertThatThrownBy(() -> with(index, value))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void constructor_valuesOnTheBounds_areTaken() {
    assertThat(with(1, 0).beta1()).isZero();
    assertThat(with(2, 0).beta2()).isZero();
    assertThat(with(4, 0).weightDecay()).isZero();
    assertThat(with(5, Double.POSITIVE_INFINITY).maxGradientNorm()).isInfinite();
  }

  @Test
  void withSchedule_contradictingCounts_areRefusedByName() {
    assertThatThrownBy(() -> PLAIN.withSchedule(-1, Schedule.CONSTANT, 0))
        .hasMessage("warmupUpdates: expected a number >= 0, got -1");
    assertThatThrownBy(() -> PLAIN.withCosine(10, 10))
        .hasMessage(
            "totalUpdates: expected more than warmupUpdates 10 for schedule COSINE, got 10");
  }

  @Test
  void with_oneValue_keepsTheOthers() {
    OptimizerConfig config =
        PLAIN
            .withSchedule(3, Schedule.LINEAR, 9)
            .withLearningRate(0.75)
            .withWeightDecay(0.25)
            .withMaxGradientNorm(Double.POSITIVE_INFINITY);
    assertThat(config)
        .isEqualTo(
            new OptimizerConfig(
                0.75, 0.9, 0.95, 1e-8, 0.25, Double.POSITIVE_INFINITY, 3, Schedule.LINEAR, 9));
  }

  @Test
  void learningRateAt_constantWithoutWarmUp_isThePeakForever() {
    assertThat(PLAIN.learningRateAt(0)).isEqualTo(0.5);
    assertThat(PLAIN.learningRateAt(Long.MAX_VALUE)).isEqualTo(0.5);
  }

  @Test
  void learningRateAt_warmUp_risesToThePeakInEqualSteps() {
    OptimizerConfig config = PLAIN.withSchedule(4, Schedule.CONSTANT, 0);
    assertThat(Stream.of(0, 1, 2, 3, 4, 5).map(u -> config.learningRateAt(u)))
        .containsExactly(0.125, 0.25, 0.375, 0.5, 0.5, 0.5);
    assertThat(PLAIN.withSchedule(1, Schedule.CONSTANT, 0).learningRateAt(0)).isEqualTo(0.5);
  }

  @Test
  void learningRateAt_linear_fallsFromThePeakToZeroAtTheTotal() {
    OptimizerConfig config = PLAIN.withSchedule(2, Schedule.LINEAR, 6);
    assertThat(Stream.of(0, 1, 2, 3, 4, 5, 6, 7).map(u -> config.learningRateAt(u)))
        .containsExactly(0.25, 0.5, 0.5, 0.375, 0.25, 0.125, 0.0, 0.0);
  }

  @Test
  void learningRateAt_cosine_isThePeakThenHalfInTheMiddleThenZero() {
    OptimizerConfig config = PLAIN.withCosine(0, 8);
    assertThat(config.learningRateAt(0)).isEqualTo(0.5);
    assertThat(config.learningRateAt(2)).isCloseTo(0.25 * (1 + Math.sqrt(0.5)), within(1e-15));
    assertThat(config.learningRateAt(4)).isCloseTo(0.25, within(1e-15));
    assertThat(config.learningRateAt(8)).isZero();
    assertThat(config.learningRateAt(Long.MAX_VALUE)).isZero();
  }

  @Test
  void learningRateAt_negativeUpdate_isRefused() {
    assertThatThrownBy(() -> PLAIN.learningRateAt(-1))
        .hasMessage("update: expected at least 0, got -1");
  }

  @Property
  void learningRateAt_anySchedule_risesThenFallsWithinZeroAndThePeak(
      @ForAll Schedule schedule,
      @ForAll @IntRange(max = 20) int warmup,
      @ForAll @IntRange(min = 1, max = 50) int rest) {
    OptimizerConfig config = PLAIN.withSchedule(warmup, schedule, warmup + rest);
    for (int update = 0; update < warmup + rest + 5; update++) {
      double now = config.learningRateAt(update);
      double next = config.learningRateAt(update + 1);
      assertThat(now).isBetween(0.0, 0.5);
      assertThat(update + 1 < warmup ? next - now : now - next).isGreaterThanOrEqualTo(0);
    }
  }

  @Test
  void settings_thatAreNull_areRefusedByName() {
    assertThatThrownBy(() -> PLAIN.withSchedule(0, new Unmarked<Schedule>().none(), 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("schedule: expected one, got null");
    assertThatThrownBy(
            () -> TrainerConfig.builder().optimizer(new Unmarked<OptimizerConfig>().none()).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("optimizer: expected settings, got null");
    assertThatThrownBy(() -> RewardShaping.NONE.withScale(new Unmarked<Scale>().none()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("scale: expected one, got null");
  }
}
