package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import io.github.p3o.eval.KlRewardFrontier.Abscissa;
import io.github.p3o.eval.KlRewardFrontier.Band;
import io.github.p3o.eval.KlRewardFrontier.Dominance;
import io.github.p3o.eval.KlRewardFrontier.Fit;
import io.github.p3o.eval.KlRewardFrontier.Kl;
import io.github.p3o.eval.KlRewardFrontier.Point;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** Golden values by numpy 2.4 (interp, trapezoid) and scipy 1.17 (stats), as named at each. */
class KlRewardFrontierTest {

  private static final Offset<Double> EXACT = within(1e-12);

  /** Five runs of each method: KL and reward of six checkpoints. */
  private static final double[][][] A = {
    {{0.0, 0.1}, {0.68, 0.48}, {1.51, 0.666}, {2.28, 0.731}, {2.71, 0.775}, {3.19, 0.843}},
    {{0.0, 0.1}, {0.47, 0.41}, {0.92, 0.496}, {1.49, 0.61}, {2.09, 0.682}, {2.72, 0.784}},
    {{0.0, 0.1}, {0.67, 0.475}, {0.99, 0.55}, {1.32, 0.578}, {1.92, 0.687}, {2.5, 0.746}},
    {{0.0, 0.1}, {0.72, 0.486}, {1.14, 0.579}, {1.66, 0.662}, {1.96, 0.677}, {2.76, 0.794}},
    {{0.0, 0.1}, {0.75, 0.511}, {1.1, 0.545}, {1.72, 0.671}, {2.33, 0.758}, {3.15, 0.826}}
  };

  private static final double[][][] B = {
    {{0.0, 0.1}, {0.79, 0.425}, {1.32, 0.519}, {2.2, 0.589}, {2.86, 0.656}, {3.52, 0.708}},
    {{0.0, 0.1}, {0.36, 0.325}, {1.24, 0.504}, {1.67, 0.584}, {2.37, 0.642}, {2.85, 0.66}},
    {{0.0, 0.1}, {0.64, 0.402}, {1.03, 0.471}, {1.44, 0.51}, {2.3, 0.622}, {2.93, 0.664}},
    {{0.0, 0.1}, {0.44, 0.356}, {0.77, 0.442}, {1.59, 0.524}, {2.17, 0.617}, {2.8, 0.629}},
    {{0.0, 0.1}, {0.88, 0.438}, {1.57, 0.552}, {2.13, 0.616}, {2.75, 0.655}, {3.57, 0.711}}
  };

  private static ImmutableList<Point> points(String method, double[][]... runs) {
    ImmutableList.Builder<Point> points = ImmutableList.builder();
    for (int seed = 0; seed < runs.length; seed++) {
      for (int step = 0; step < runs[seed].length; step++) {
        double kl = runs[seed][step][0];
        points.add(new Point(method, seed, step, runs[seed][step][1], kl, 2 * kl, Double.NaN));
      }
    }
    return points.build();
  }

  private static KlRewardFrontier golden() {
    return KlRewardFrontier.of(
        ImmutableList.<Point>builder().addAll(points("a", A)).addAll(points("b", B)).build(),
        Kl.K1);
  }

  @Test
  void at_matchedKl_isTheMeanOverRunsWithStudentsInterval() {
    Band band = golden().at("a", 1.3);

    // np.interp of each run over √KL, then st.t.interval(0.95, 4, mean, st.sem)
    assertThat(band.mean()).isCloseTo(0.5943223260421986, EXACT);
    assertThat(band.low()).isCloseTo(0.5678074808116622, within(1e-9));
    assertThat(band.high()).isCloseTo(0.620837171272735, within(1e-9));
  }

  @Test
  void at_aKlThatSomeRunHasNotPassed_isNotANumber() {
    assertThat(golden().at("a", 2.51).mean()).isNaN();
    assertThat(golden().at("a", -0.01).mean()).isNaN();
  }

  @Test
  void band_coversTheRangeOfAllRuns() {
    ImmutableList<Band> band = golden().band("b", 5);

    assertThat(band.stream().mapToDouble(Band::kl).toArray())
        .containsExactly(new double[] {0, 0.7, 1.4, 2.1, 2.8}, EXACT);
    assertThat(band.get(0).low()).isEqualTo(0.1); // all runs begin at the same reward
    assertThat(band.get(0).high()).isEqualTo(0.1);
    assertThat(band.get(2)).isEqualTo(golden().at("b", 1.4));
  }

  @Test
  void fit_isLeastSquaresThroughAllCheckpoints() {
    // scipy.stats.linregress
    assertFit(
        golden().fit("a", Abscissa.KL), 0.23912232988597, 0.218674388384113, 0.86632009661548);
    assertFit(
        golden().fit("a", Abscissa.SQRT_KL), 0.11551093289476, 0.412158671153662, 0.99299219824338);
    assertFit(
        golden().fit("b", Abscissa.KL), 0.22478581360355, 0.164049049402329, 0.85097883022745);
    assertFit(
        golden().fit("b", Abscissa.SQRT_KL), 0.11960828886596, 0.328103647448578, 0.98885478379816);
  }

  private static void assertFit(Fit fit, double intercept, double slope, double rSquared) {
    assertThat(fit.intercept()).isCloseTo(intercept, EXACT);
    assertThat(fit.slope()).isCloseTo(slope, EXACT);
    assertThat(fit.rSquared()).isCloseTo(rSquared, EXACT);
  }

  @Test
  void compare_isTheDifferenceOfTheAreasWithItsError() {
    Dominance dominance = golden().compare("a", "b");

    assertThat(dominance.fromKl()).isZero();
    assertThat(dominance.toKl()).isEqualTo(2.5);
    // scipy.integrate.quad of each run up to 2.5;
    // st.ttest_ind(equal_var=False).confidence_interval()
    assertThat(dominance.difference()).isCloseTo(0.08156347372585537, EXACT);
    assertThat(dominance.low()).isCloseTo(0.06724034387186677, within(1e-9));
    assertThat(dominance.high()).isCloseTo(0.09588660357984398, within(1e-9));
    // st.permutation_test, exact: 2 of 252
    assertThat(dominance.pValue()).isCloseTo(0.007936507936507936, EXACT);
    assertThat(dominance.smallestPValue()).isCloseTo(2 / 252.0, EXACT);
  }

  @Test
  void compare_fromAnEstimateBelow0_joinsOverTheSignedRoot() {
    double[][] straight = {
      {-1, 0}, {4, 3}
    }; // reward = 1 ± √|KL|, of which the mean root is 7 / 7.5
    double[][] flat = {{-1, 0}, {4, 0}};
    Dominance dominance =
        KlRewardFrontier.of(
                ImmutableList.<Point>builder()
                    .addAll(points("a", straight, straight))
                    .addAll(points("b", flat, flat))
                    .build(),
                Kl.K1)
            .compare("a", "b");

    assertThat(dominance.difference()).isCloseTo(1 + 7 / 7.5, EXACT);
  }

  @Test
  void compare_theOtherWay_hasTheOtherSign() {
    Dominance one = golden().compare("a", "b");
    Dominance other = golden().compare("b", "a");

    assertThat(other.difference()).isCloseTo(-one.difference(), EXACT);
    assertThat(other.low()).isCloseTo(-one.high(), EXACT);
    assertThat(other.pValue()).isEqualTo(one.pValue());
  }

  @Test
  void compare_ofRunsThatHaveNotPassedTheSameKl_isRefused() {
    KlRewardFrontier apart =
        KlRewardFrontier.of(
            ImmutableList.<Point>builder()
                .addAll(points("near", new double[][] {{0, 0}, {1, 1}}))
                .addAll(points("far", new double[][] {{2, 0}, {3, 1}}))
                .build(),
            Kl.K1);

    assertThatThrownBy(() -> apart.compare("near", "far"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("passed the same KL, got from 2.0 on and up to 1.0");
    assertThat(apart.comparisons()).isEmpty();
  }

  @Test
  void comparisons_areAdjustedForTheirNumber() {
    List<Point> points = new ArrayList<>(golden().points());
    points.addAll(points("c", A)); // the same as a
    ImmutableList<Dominance> all = KlRewardFrontier.of(points, Kl.K1).comparisons();

    assertThat(all).extracting(d -> d.first() + d.second()).containsExactly("ab", "ac", "bc");
    assertThat(all.get(0).adjustedPValue()).isCloseTo(3 * 2 / 252.0, EXACT);
    assertThat(all.get(1).adjustedPValue()).isEqualTo(1);
    assertThat(all.get(2).adjustedPValue()).isCloseTo(3 * 2 / 252.0, EXACT);
  }

  @Test
  void of_anotherEstimate_goesByIt() {
    KlRewardFrontier byK3 = KlRewardFrontier.of(golden().points(), Kl.K3);

    assertThat(byK3.at("a", 2.6))
        .isEqualTo(
            new Band(
                2.6,
                golden().at("a", 1.3).mean(),
                byK3.at("a", 2.6).low(),
                byK3.at("a", 2.6).high()));
    assertThatThrownBy(() -> KlRewardFrontier.of(golden().points(), Kl.EXACT))
        .hasMessageContaining("points: expected a finite EXACT, got Point[method=a");
  }

  @Test
  void of_aSingleRun_hasNoInterval() {
    KlRewardFrontier one = KlRewardFrontier.of(points("a", A[0]), Kl.K1);

    assertThat(one.at("a", 0.34).mean()).isCloseTo(0.3687005768508881, EXACT);
    assertThat(one.at("a", 0.34).low()).isNaN();
    assertThat(one.json(2)).contains("\"low\" : null").doesNotContain("NaN");
  }

  @Test
  void of_badPoints_saysWhatIsWrong() {
    assertThatThrownBy(() -> KlRewardFrontier.of(ImmutableList.of(), Kl.K1))
        .hasMessage("points: expected at least one, got none");
    assertThatThrownBy(
            () -> KlRewardFrontier.of(points("a", new double[][] {{1, 1}, {1, 2}}), Kl.K1))
        .hasMessageContaining("points: expected checkpoints of different KL in every run, got");
    assertThatThrownBy(() -> new Point("a", 0, 0, Double.NaN, 0, 0, 0))
        .hasMessage("reward: expected a finite number, got NaN");
    assertThatThrownBy(() -> golden().band("c", 3))
        .hasMessage("method: expected one of [a, b], got c");
    assertThatThrownBy(() -> golden().band("a", 1)).hasMessage("count: expected at least 2, got 1");
  }

  @Test
  void csv_hasALineForEachPoint_andQuotesNames() {
    ImmutableList<Point> points =
        ImmutableList.of(
            new Point("p3o, \"v2\"", 3, 0, 0.5, 0, 0, Double.NaN),
            new Point("p3o, \"v2\"", 3, 7, 0.75, 1, 1.5, 1.25));

    assertThat(KlRewardFrontier.of(points, Kl.K1).csv())
        .isEqualTo(
            """
            method,seed,step,reward,kl_k1,kl_k3,kl_exact
            "p3o, ""v2""\",3,0,0.5,0.0,0.0,
            "p3o, ""v2""\",3,7,0.75,1.0,1.5,1.25
            """);
  }

  @Test
  void json_holdsPointsBandsFitsAndComparisons() throws Exception {
    JsonNode json = new ObjectMapper().readTree(golden().json(3));

    assertThat(json.path("kl").asText()).isEqualTo("kl_k1");
    assertThat(json.path("points")).hasSize(60);
    assertThat(json.path("points").get(1).path("kl_k3").asDouble()).isEqualTo(1.36);
    assertThat(json.path("bands").path("b")).hasSize(3);
    assertThat(json.path("fits")).hasSize(4);
    assertThat(json.path("comparisons").get(0).path("difference").asDouble())
        .isCloseTo(0.08156347372585537, EXACT);
  }

  /** Rewards at KL 0, 1, 2, … */
  private static double[][] run(List<Double> rewards) {
    double[][] run = new double[rewards.size()][];
    for (int i = 0; i < run.length; i++) {
      run[i] = new double[] {i, rewards.get(i)};
    }
    return run;
  }

  @Property(tries = 200)
  void anything_doesNotDependOnTheOrderOfPoints(
      @ForAll @Size(min = 2, max = 8) List<@DoubleRange(min = -5, max = 5) Double> one,
      @ForAll @Size(min = 2, max = 8) List<@DoubleRange(min = -5, max = 5) Double> two,
      @ForAll long seed) {
    List<Point> points = new ArrayList<>(points("a", run(one), run(two)));
    KlRewardFrontier before = KlRewardFrontier.of(points, Kl.K1);
    Collections.shuffle(points, new Random(seed));
    KlRewardFrontier after = KlRewardFrontier.of(points, Kl.K1);

    for (int i = 0; i < 5; i++) {
      assertThat(after.band("a", 5).get(i).mean())
          .isCloseTo(before.band("a", 5).get(i).mean(), within(1e-12));
    }
  }

  @Property(tries = 200)
  void compare_ofAShiftedMethod_isTheShift(
      @ForAll @Size(min = 2, max = 8) List<@DoubleRange(min = -5, max = 5) Double> one,
      @ForAll @Size(min = 2, max = 8) List<@DoubleRange(min = -5, max = 5) Double> two,
      @ForAll @DoubleRange(min = -3, max = 3) double shift) {
    ImmutableList<Point> plain = points("plain", run(one), run(two));
    List<Point> points = new ArrayList<>(plain);
    for (Point point : plain) {
      points.add(new Point("shifted", point.seed(), 0, point.reward() + shift, point.k1(), 0, 0));
    }

    Dominance dominance = KlRewardFrontier.of(points, Kl.K1).compare("shifted", "plain");

    assertThat(dominance.difference()).isCloseTo(shift, within(1e-9));
    assertThat(dominance.low()).isLessThanOrEqualTo(dominance.difference());
    assertThat(dominance.high()).isGreaterThanOrEqualTo(dominance.difference());
    assertThat(dominance.pValue()).isBetween(dominance.smallestPValue() - 1e-12, 1.0);
  }

  @Property(tries = 200)
  void at_staysWithinTheRewardsOfARun(
      @ForAll @Size(min = 2, max = 8) List<@DoubleRange(min = -5, max = 5) Double> rewards,
      @ForAll @IntRange(min = 0, max = 100) int percent) {
    KlRewardFrontier frontier = KlRewardFrontier.of(points("a", run(rewards)), Kl.K1);

    double at = frontier.at("a", percent / 100.0 * (rewards.size() - 1)).mean();

    assertThat(at).isBetween(Collections.min(rewards) - 1e-12, Collections.max(rewards) + 1e-12);
  }
}
