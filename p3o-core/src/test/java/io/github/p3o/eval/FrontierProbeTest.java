package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.math.Stats;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.eval.FrontierProbe.Measurement;
import io.github.p3o.testing.Unmarked;
import java.util.Collections;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FrontierProbeTest {

  private static final RewardModel CHOICE =
      RewardModel.each((prompt, response) -> response.tokens().get(0));

  private static ImmutableList<Prompt> prompts(int count) {
    return ImmutableList.copyOf(Collections.nCopies(count, Prompt.of(0)));
  }

  @Test
  void measure_ofTables_hasBothEstimatesAndTheExactKl() {
    double p = 1 / (1 + Math.exp(-0.7)); // of the first choice
    double exact = p * Math.log(2 * p) + (1 - p) * Math.log(2 * (1 - p));
    try (TabularPolicy reference = TabularPolicy.uniform(1, 2);
        TabularPolicy policy = TabularPolicy.of(new double[][] {{0.7, 0}});
        FrontierProbe probe = new FrontierProbe(prompts(4000), 2, reference, CHOICE, 512, 3)) {
      Measurement measured = probe.measure(policy, policy);

      assertThat(measured.exactKl().orElseThrow()).isCloseTo(exact, within(1e-12));
      for (int i = 0; i < 50; i++) {
        Response response = measured.samples().responses().get(i);
        double u = Math.log(2 * (response.tokens().get(0) == 0 ? p : 1 - p));
        assertThat(measured.k1().get(i)).isCloseTo(u, within(1e-12));
        assertThat(measured.k3().get(i)).isCloseTo(Math.exp(-u) - 1 + u, within(1e-12));
        assertThat(measured.rewards().get(i)).isEqualTo(response.tokens().get(0));
      }
      Stats k1 = Stats.of(measured.k1().stream());
      Stats k3 = Stats.of(measured.k3().stream());
      double errors = 4 / Math.sqrt(8000); // four standard errors, for a deviation of 1
      assertThat(k1.mean()).isCloseTo(exact, within(errors * k1.sampleStandardDeviation()));
      assertThat(k3.mean()).isCloseTo(exact, within(errors * k3.sampleStandardDeviation()));
      assertThat(k3.sampleStandardDeviation()).isLessThan(k1.sampleStandardDeviation());
    }
  }

  /**
   * The ratio of the deviations by summing over both choices: 0.06, 0.95 and 2.6. Of 24 such tokens
   * the KL is 2, 18 and 23 nats.
   */
  @ParameterizedTest
  @CsvSource({"0.5, 0, 0.1", "0.88, 0.8, 1.1", "0.95, 2.2, 3"})
  void k3_scattersLessNearTheReference_moreFarFromIt(double p, double least, double most) {
    try (TabularPolicy reference = TabularPolicy.of(new double[][] {{Math.log(0.3 / 0.7), 0}});
        TabularPolicy policy = TabularPolicy.of(new double[][] {{Math.log(p / (1 - p)), 0}});
        FrontierProbe probe = new FrontierProbe(prompts(4000), 2, reference, CHOICE, 512, 3)) {
      Measurement measured = probe.measure(policy, policy);

      double k1 = Stats.of(measured.k1().stream()).sampleStandardDeviation();
      double k3 = Stats.of(measured.k3().stream()).sampleStandardDeviation();
      assertThat(k3 / k1).isBetween(least, most);
    }
  }

  @Test
  void measure_ofTheReferenceItself_isZero_andTheSameEachTime() {
    try (TabularPolicy reference = TabularPolicy.of(new double[][] {{1, 2, 3}});
        FrontierProbe probe = new FrontierProbe(prompts(20), 2, reference, CHOICE, 8, 3)) {
      Measurement measured = probe.measure(reference, reference);

      assertThat(measured.k1().stream()).containsOnly(0.0);
      assertThat(measured.k3().stream()).containsOnly(0.0);
      assertThat(measured.exactKl()).hasValue(0);
      assertThat(probe.measure(reference, reference)).isEqualTo(measured);
    }
  }

  @Test
  void measure_nullFromSamplerOrRewardModel_isRefusedByItsName() {
    try (TabularPolicy reference = TabularPolicy.uniform(1, 2);
        FrontierProbe probe =
            new FrontierProbe(
                prompts(2), 2, reference, (p, r) -> new Unmarked<double[]>().none(), 8, 3)) {
      assertThatThrownBy(
              () -> probe.measure(reference, (p, k, random) -> new Unmarked<Samples>().none()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("sampler: expected samples, got null");
      assertThatThrownBy(() -> probe.measure(reference, reference))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("rewardModel: expected rewards, got null");
    }
  }

  @Test
  void measure_afterClose_isRefused() {
    try (TabularPolicy reference = TabularPolicy.uniform(1, 2)) {
      FrontierProbe probe = new FrontierProbe(prompts(1), 2, reference, CHOICE, 8, 3);
      probe.close();
      assertThatThrownBy(() -> probe.measure(reference, reference))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("probe: expected an open one, got one that was closed");
    }
  }

  @Property(tries = 30)
  void k3_isNeverNegative(
      @ForAll @DoubleRange(min = -8, max = 8) double first,
      @ForAll @DoubleRange(min = -8, max = 8) double second) {
    try (TabularPolicy reference = TabularPolicy.of(new double[][] {{0, second, -1}});
        TabularPolicy policy = TabularPolicy.of(new double[][] {{first, 0, 1}});
        FrontierProbe probe = new FrontierProbe(prompts(10), 2, reference, CHOICE, 64, 1)) {
      assertThat(probe.measure(policy, policy).k3().stream()).allMatch(k3 -> k3 >= 0);
    }
  }

  @Test
  void point_isTheMeansOfAMeasurement() {
    try (TabularPolicy reference = TabularPolicy.uniform(1, 2);
        TabularPolicy policy = TabularPolicy.of(new double[][] {{0.7, 0}});
        FrontierProbe probe = new FrontierProbe(prompts(3), 2, reference, CHOICE, 64, 1)) {
      Measurement measured = probe.measure(policy, policy);

      KlRewardFrontier.Point point = KlRewardFrontier.Point.of("p3o-v2", 4, 7, measured);

      assertThat(point.reward())
          .isEqualTo(Stats.meanOf(measured.rewards().toArray()), within(1e-12));
      assertThat(point.k1()).isEqualTo(Stats.meanOf(measured.k1().toArray()), within(1e-12));
      assertThat(point.k3()).isEqualTo(Stats.meanOf(measured.k3().toArray()), within(1e-12));
      assertThat(point.exact()).isEqualTo(measured.exactKl().orElseThrow());
    }
  }

  @Test
  void of_nothingToMeasure_isRefused() {
    try (TabularPolicy reference = TabularPolicy.uniform(1, 2)) {
      assertThatThrownBy(() -> new FrontierProbe(ImmutableList.of(), 2, reference, CHOICE, 1, 0))
          .hasMessage("prompts: expected at least one, got none");
      assertThatThrownBy(() -> new FrontierProbe(prompts(1), 1, reference, CHOICE, 1, 0))
          .hasMessage("responses: expected at least 2, got 1");
    }
  }
}
