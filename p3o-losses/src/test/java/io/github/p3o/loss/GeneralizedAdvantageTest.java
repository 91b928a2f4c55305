package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.TokenAdvantages;
import io.github.p3o.TokenLogProbs;
import io.github.p3o.TokenRollout;
import io.github.p3o.TokenValues;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

/** Advantages and returns against direct sums, and their whitening. */
class GeneralizedAdvantageTest {

  private static PpoConfig config(double gamma, double lambda, double beta) {
    return new PpoConfig().withDiscounts(gamma, lambda).withKlCoefficient(beta);
  }

  private static TokenRollout rollout(
      double[] old, double[] reference, double[] values, double reward) {
    return new TokenRollout(
        TokenLogProbs.of(old), TokenLogProbs.of(reference), TokenValues.of(values), reward);
  }

  @Provide
  Arbitrary<TokenRollout> rollouts() {
    return Arbitraries.integers()
        .between(1, 12)
        .flatMap(
            length ->
                Combinators.combine(
                        numbers(-9, 0, length),
                        numbers(-9, 0, length),
                        numbers(-5, 5, length),
                        Arbitraries.doubles().between(-10, 10))
                    .as(GeneralizedAdvantageTest::rollout));
  }

  private static Arbitrary<double[]> numbers(double low, double high, int length) {
    return Arbitraries.doubles()
        .between(low, high)
        .list()
        .ofSize(length)
        .map(list -> list.stream().mapToDouble(d -> d).toArray());
  }

  /** r_t, written from the definition. */
  private static double reward(TokenRollout rollout, int t, double beta) {
    double kl = rollout.oldLogProbs().get(t) - rollout.referenceLogProbs().get(t);
    return (t == rollout.length() - 1 ? rollout.reward() : 0) - beta * kl;
  }

  /** V_t, 0 behind the last token. */
  private static double value(TokenRollout rollout, int t) {
    return t < rollout.length() ? rollout.values().get(t) : 0;
  }

  @Property
  void advantages_areTheDirectSumsOfTheirDefinition(
      @ForAll("rollouts") TokenRollout rollout,
      @ForAll @DoubleRange(min = 0, max = 1) double gamma,
      @ForAll @DoubleRange(min = 0, max = 1) double lambda,
      @ForAll @DoubleRange(min = 0, max = 2) double beta) {
    int length = rollout.length();
    double[] advantages = new double[length];
    double[] returns = new double[length];
    for (int t = 0; t < length; t++) {
      for (int u = t; u < length; u++) {
        double delta = reward(rollout, u, beta) + gamma * value(rollout, u + 1) - value(rollout, u);
        advantages[t] += Math.pow(gamma * lambda, u - t) * delta;
      }
      returns[t] = advantages[t] + value(rollout, t);
    }

    GeneralizedAdvantage actual = GeneralizedAdvantage.of(rollout, config(gamma, lambda, beta));

    assertClose("advantages", advantages, actual.advantages().values().toArray(), 1e-12);
    assertClose("returns", returns, actual.returns().values().toArray(), 1e-12);
  }

  @Property
  void returns_undiscountedWithLambdaOne_areTheRewardsStillToCome(
      @ForAll("rollouts") TokenRollout rollout) {
    GeneralizedAdvantage actual = GeneralizedAdvantage.of(rollout, config(1, 1, 0.3));
    for (int t = 0; t < rollout.length(); t++) {
      double toGo = 0;
      for (int u = t; u < rollout.length(); u++) {
        toGo += reward(rollout, u, 0.3);
      }
      assertThat(actual.returns().get(t)).isCloseTo(toGo, within(1e-12));
    }
  }

  /** The constants are computed by hand, in fractions. */
  @Test
  void advantages_ofThreeTokens_areThoseByHand() {
    // r = −½(0, 1, −1) + (0, 0, 4) = (0, −½, 4½); V = (1, 2, 3)
    TokenRollout rollout =
        rollout(new double[] {-1, -1, -2}, new double[] {-1, -2, -1}, new double[] {1, 2, 3}, 4);

    GeneralizedAdvantage actual = GeneralizedAdvantage.of(rollout, config(1, 0.5, 0.5));

    // δ = (1, ½, 1½); A₃ = 1½, A₂ = ½ + ¾, A₁ = 1 + ⅝
    assertThat(actual.advantages().values().toArray()).containsExactly(1.625, 1.25, 1.5);
    assertThat(actual.returns().values().toArray()).containsExactly(2.625, 3.25, 4.5);
  }

  @Test
  void advantage_ofOneToken_isItsRewardLessItsValue() {
    TokenRollout rollout = rollout(new double[] {-1}, new double[] {-3}, new double[] {0.25}, 1e30);

    assertThat(GeneralizedAdvantage.of(rollout, config(1, 0.95, 0)).advantages())
        .isEqualTo(TokenAdvantages.of(1e30 - 0.25));
    assertThat(GeneralizedAdvantage.of(rollout, config(1, 0.95, 0)).returns())
        .isEqualTo(TokenValues.of(1e30));
  }

  private static double[] whitened(double[]... advantages) {
    return Whitening.OVER_ROLLOUT
        .apply(ImmutableList.copyOf(advantages).stream().map(TokenAdvantages::of).toList())
        .stream()
        .flatMapToDouble(response -> response.values().stream())
        .toArray();
  }

  @Property
  void whitening_ofAnyRollout_hasMeanZeroAndDeviationOneOverTokens(
      @ForAll("advantages") double[] first,
      @ForAll("advantages") double[] second,
      @ForAll("scales") double scale) {
    double[] actual =
        whitened(
            Arrays.stream(first).map(a -> scale * a).toArray(),
            Arrays.stream(second).map(a -> scale * (3 + a)).toArray());

    double mean = 0;
    double square = 0;
    for (double a : actual) {
      mean += a / actual.length;
      square += a * a / actual.length;
    }
    assertThat(mean).isCloseTo(0, within(1e-12));
    assertThat(square).isCloseTo(1, within(1e-5));
  }

  @Provide
  Arbitrary<double[]> advantages() {
    return Arbitraries.integers().between(1, 9).flatMap(length -> numbers(-1, 1, length));
  }

  @Provide
  Arbitrary<Double> scales() {
    return Arbitraries.of(1e-1, 1.0, 1e6, 1e30, 1e200);
  }

  @Test
  void whitening_ofEqualAdvantages_isZero() {
    for (double a : new double[] {0, 0.1, -1e30, 1e-300}) {
      assertThat(whitened(new double[] {a, a, a}, new double[] {a})).containsOnly(0);
    }
  }

  @Test
  void whitening_ofResponsesOfUnequalLength_countsTokensAndNotResponses() {
    // three tokens of 1 and one of −3: mean 0, variance (3 + 9)/4 = 3
    assertThat(whitened(new double[] {1, 1, 1}, new double[] {-3}))
        .containsExactly(
            new double[] {1 / Math.sqrt(3), 1 / Math.sqrt(3), 1 / Math.sqrt(3), -Math.sqrt(3)},
            within(1e-7));
  }

  @Test
  void whiteningOff_leavesAdvantagesAsTheyAre() {
    List<TokenAdvantages> advantages =
        List.of(TokenAdvantages.of(1e30, -0.3), TokenAdvantages.of(7));

    assertThat(Whitening.OFF.apply(advantages)).isEqualTo(advantages);
  }
}
