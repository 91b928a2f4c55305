package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Doubles;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ForkJoinPool;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PairStatisticsTest {

  private static PairStatistics of(double[][] now, double[][] old, double[][] rewards) {
    LogProbs recorded = LogProbs.of(old);
    PairwiseBatch batch = PairwiseBatch.ofNumbers(recorded, recorded, Rewards.of(rewards));
    return PairStatistics.of(batch, LogProbs.of(now), ImmutableMap.of());
  }

  @Test
  void of_anUnmovedPolicy_hasRatiosOfOneAndAllSamples() {
    double[][] same = {{-1, -20, -300}, {-4, -5, -6}};
    PairStatistics statistics = of(same, same, new double[][] {{1, 2, 3}, {3, 2, 1}});

    assertThat(statistics.ratioMean()).isEqualTo(1);
    assertThat(statistics.ratioMin()).isEqualTo(1);
    assertThat(statistics.ratioMax()).isEqualTo(1);
    assertThat(statistics.effectiveSampleSize()).isEqualTo(6);
    assertThat(statistics.clampedLogRatios()).isZero();
    assertThat(statistics.ties()).isEqualTo(1);
  }

  @Test
  void of_aMovedPolicy_measuresItsRatios() {
    double ln2 = Math.log(2);
    PairStatistics statistics =
        of(new double[][] {{-1 + ln2}, {-2 - ln2}}, new double[][] {{-1}, {-2}}, new double[2][1]);

    // ratios 2 and ½: mean 1.25, (2.5)² / 4.25 effective samples
    assertThat(statistics.ratioMean()).isCloseTo(1.25, within(1e-15));
    assertThat(statistics.ratioMin()).isCloseTo(0.5, within(1e-15));
    assertThat(statistics.ratioMax()).isCloseTo(2, within(1e-15));
    assertThat(statistics.effectiveSampleSize()).isCloseTo(6.25 / 4.25, within(1e-14));
  }

  @Test
  void of_logRatiosBeyondTwenty_clampsAndCountsThem() {
    PairStatistics statistics =
        of(
            new double[][] {{-1e6, 20, 0}, {0, -20, 1e6}},
            new double[][] {{0, 0, 0}, {0, 0, 0}},
            new double[2][3]);

    assertThat(statistics.clampedLogRatios()).isEqualTo(2); // at exactly 20 nothing is changed
    assertThat(statistics.ratioMax()).isEqualTo(Math.exp(20));
    assertThat(statistics.ratioMin()).isEqualTo(Math.exp(-20));
  }

  @Test
  void of_fourResponses_countsTiesAmongAllSixPairs() {
    double[][] zero = new double[4][2];
    // first prompt: 1 1 1 2, three ties; second prompt: all differ but 0.0 and −0.0
    PairStatistics statistics =
        of(zero, zero, new double[][] {{1, 0.0}, {1, -0.0}, {1, 2}, {2, 3}});

    assertThat(statistics.ties()).isEqualTo(4);
  }

  /** At the borders of blocks and tasks. */
  @ParameterizedTest
  @ValueSource(ints = {1, 255, 256, 257, 2047, 2048, 2049, 5000})
  void of_manyPairs_isWhatPlainLoopsGive(int pairs) {
    for (int k = 2; k <= 3; k++) {
      Random random = new Random(pairs);
      double[][] now = new double[k][pairs];
      double[][] old = new double[k][pairs];
      double[][] rewards = new double[k][pairs];
      DoubleSummaryStatistics ratios = new DoubleSummaryStatistics();
      double squares = 0;
      long clamped = 0;
      long ties = 0;
      for (int i = 0; i < k; i++) {
        for (int p = 0; p < pairs; p++) {
          old[i][p] = -50 * random.nextDouble();
          now[i][p] = old[i][p] + 8 * random.nextGaussian();
          rewards[i][p] = random.nextInt(3);
          double moved = now[i][p] - old[i][p];
          double ratio = Math.exp(Math.min(Math.max(moved, -20), 20));
          ratios.accept(ratio);
          squares += ratio * ratio;
          clamped += Math.abs(moved) > 20 ? 1 : 0;
          for (int j = 0; j < i; j++) {
            ties += rewards[i][p] == rewards[j][p] ? 1 : 0;
          }
        }
      }
      PairStatistics statistics = of(now, old, rewards);

      assertThat(statistics.ratioMean()).isCloseTo(ratios.getAverage(), withinPercentage(1e-10));
      assertThat(statistics.ratioMin()).isCloseTo(ratios.getMin(), withinPercentage(1e-10));
      assertThat(statistics.ratioMax()).isCloseTo(ratios.getMax(), withinPercentage(1e-10));
      assertThat(statistics.effectiveSampleSize())
          .isCloseTo(ratios.getSum() * ratios.getSum() / squares, withinPercentage(1e-10));
      assertThat(statistics.clampedLogRatios()).isEqualTo(clamped);
      assertThat(statistics.ties()).isEqualTo(ties);
    }
  }

  @Test
  void of_manyPairs_doesNotDependOnTheThreads() throws Exception {
    double[][] old = {new Random(1).doubles(100_001).toArray(), new double[100_001]};
    double[][] now = {new Random(2).doubles(100_001).toArray(), new double[100_001]};
    PairStatistics many = of(now, old, old);
    ForkJoinPool one = new ForkJoinPool(1);
    try {
      assertThat(one.submit(() -> of(now, old, old)).get()).isEqualTo(many);
    } finally {
      one.shutdown();
    }
  }

  @Test
  void of_anotherShape_isRefused() {
    LogProbs two = LogProbs.of(new double[2], new double[2]);
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(two, two, Rewards.of(new double[2], new double[2]));

    assertThatThrownBy(
            () ->
                PairStatistics.of(
                    batch, LogProbs.of(new double[3], new double[3]), ImmutableMap.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logProbs: expected shape [2, 2], got [2, 3]");
  }

  @Property(tries = 100)
  void effectiveSampleSize_ofAnyRatios_isBetweenOneAndAll(
      @ForAll @Size(8) List<@DoubleRange(min = -30, max = 30) Double> moved) {
    LogProbs old = LogProbs.ofFlat(2, new double[8]);
    PairwiseBatch batch = PairwiseBatch.ofNumbers(old, old, Rewards.ofFlat(2, new double[8]));
    PairStatistics statistics =
        PairStatistics.of(batch, LogProbs.ofFlat(2, Doubles.toArray(moved)), ImmutableMap.of());

    assertThat(statistics.effectiveSampleSize()).isBetween(1 - 1e-12, 8 + 1e-12);
    assertThat(statistics.ratioMean())
        .isBetween(statistics.ratioMin() * (1 - 1e-12), statistics.ratioMax() * (1 + 1e-12));
  }
}
