package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static io.github.p3o.testing.FiniteDifferences.assertGradient;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Doubles;
import io.github.p3o.TokenLogProbs;
import io.github.p3o.TokenRollout;
import io.github.p3o.TokenTargets;
import io.github.p3o.TokenValues;
import io.github.p3o.loss.TokenCase.Outcome;
import io.github.p3o.loss.TokenCase.Token;
import java.util.Arrays;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The loss of token-wise PPO: values, gradients, extremes, and what changes nothing. */
class TokenPpoLossTest {

  private static final TokenPpoLoss USUAL = new TokenPpoLoss();
  private static final TokenPpoLoss WIDE =
      new TokenPpoLoss(new PpoConfig().withClipRanges(0.5, 0.45).withValueCoefficient(1));
  private static final TokenPpoLoss OPEN =
      new TokenPpoLoss(
          new PpoConfig().withClipRanges(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY));
  private static final TokenPpoLoss NO_VALUE =
      new TokenPpoLoss(new PpoConfig().withValueCoefficient(0));

  static ImmutableList<TokenPpoLoss> losses() {
    return ImmutableList.of(USUAL, WIDE, OPEN, NO_VALUE);
  }

  private static final TokenCase GOLDEN =
      new TokenCase(
          ImmutableList.of(
              ImmutableList.of(
                  new Token(-1, -1.25, 0.5, 0.125, 1.5, 1.25),
                  new Token(-2, -1.5, -0.25, 0.5, -0.75, 0.75),
                  new Token(-0.5, -0.75, 1, 0.875, -2, -0.5)),
              ImmutableList.of(
                  new Token(-3, -3.125, 0.75, 1.25, 0.5, 1.5),
                  new Token(-1.5, -1, -1.5, -1, -1.25, -2))));

  // The constants: NumPy in float64, the greater of the negated branches and of the squares by
  // np.where; gradients by complex steps of 1e-30.

  @Test
  void usualConstants_ofTwoResponses_equalNumPy() {
    assertGolden(
        USUAL,
        new double[] {0.413376571368414, 0.360295321368414, 0.5308125, 0.6, 0.4},
        new double[] {0, 0, 0.5136101666750965, -0.11331484530668265, 0},
        new double[] {0, -0.02, 0.03, -0.015, 0});
  }

  @Test
  void widerRanges_ofTwoResponses_equalNumPy() {
    assertGolden(
        WIDE,
        new double[] {0.7254499602471449, 0.2576999602471449, 0.46775, 0, 0.2},
        new double[] {
          -0.3852076250063224,
          0.09097959895689502,
          0.5136101666750965,
          -0.11331484530668265,
          0.15163266492815838
        },
        new double[] {-0.15, -0.2, 0.3, -0.15, 0});
  }

  private static void assertGolden(
      TokenPpoLoss loss, double[] values, double[] byLogProb, double[] byValue) {
    Outcome actual = GOLDEN.evaluate(loss);
    assertThat(actual.loss()).isCloseTo(values[0], within(1e-12));
    assertThat(actual.diagnostics().get("loss/policy_avg")).isCloseTo(values[1], within(1e-12));
    assertThat(actual.diagnostics().get("loss/value_avg")).isCloseTo(values[2], within(1e-12));
    assertThat(actual.diagnostics().get("policy/clipfrac_avg")).isCloseTo(values[3], within(1e-12));
    assertThat(actual.diagnostics().get("val/clipfrac_avg")).isCloseTo(values[4], within(1e-12));
    assertClose("by log-probability", byLogProb, actual.byLogProb(), 1e-12);
    assertClose("by value", byValue, actual.byValue(), 1e-12);
  }

  /** The loss of one token in plain Java, as it was published: min and max of two branches. */
  private static double reference(PpoConfig config, Token token) {
    double ratio = Math.exp(token.logProb() - token.oldLogProb());
    double clipped = Math.min(Math.max(ratio, 1 - config.clipRange()), 1 + config.clipRange());
    double policy = -Math.min(ratio * token.advantage(), clipped * token.advantage());
    double bound = config.valueClipRange();
    double held =
        Math.min(Math.max(token.value(), token.oldValue() - bound), token.oldValue() + bound);
    double value =
        Math.max(Math.pow(token.value() - token.target(), 2), Math.pow(held - token.target(), 2));
    return policy + config.valueCoefficient() * value / 2;
  }

  private static double reference(TokenPpoLoss loss, TokenCase of) {
    return of.flat().stream().mapToDouble(t -> reference(loss.config(), t)).average().orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("losses")
  void loss_ofRandomTokens_isThePublishedFormInPlainJava(TokenPpoLoss loss) {
    TokenCase c = TokenCase.random(1, 40, 1, 17);

    assertThat(c.evaluate(loss).loss()).isCloseTo(reference(loss, c), within(1e-12));
  }

  @ParameterizedTest
  @MethodSource("losses")
  void gradient_ofRandomTokens_isThatOfDifferencesOfThePublishedForm(TokenPpoLoss loss) {
    TokenCase c = awayFromCorners(TokenCase.random(2, 12, 1, 7), loss.config());
    Outcome actual = c.evaluate(loss);
    double[] at =
        Doubles.concat(
            c.flat().stream().mapToDouble(Token::logProb).toArray(),
            c.flat().stream().mapToDouble(Token::value).toArray());

    assertGradient(
        "ppo",
        x -> {
          double sum = 0;
          for (int i = 0; i < c.count(); i++) {
            sum += reference(loss.config(), c.flat().get(i).at(x[i], x[c.count() + i]));
          }
          return sum / c.count();
        },
        at,
        Doubles.concat(actual.byLogProb(), actual.byValue()),
        1e-9);
    if (loss.equals(USUAL)) {
      assertThat(actual.diagnostics().get("policy/clipfrac_avg")).isBetween(0.1, 0.9);
      assertThat(actual.diagnostics().get("val/clipfrac_avg")).isBetween(0.1, 0.9);
    }
  }

  /** Differences need a loss that is smooth for some steps around. */
  private static TokenCase awayFromCorners(TokenCase of, PpoConfig config) {
    double clear = 0.01;
    return new TokenCase(
        of.tokens().stream()
            .map(
                response ->
                    response.stream()
                        .filter(
                            t -> {
                              double ratio = Math.exp(t.logProb() - t.oldLogProb());
                              double moved = Math.abs(t.value() - t.oldValue());
                              double held =
                                  t.oldValue()
                                      + Math.copySign(
                                          Math.min(moved, config.valueClipRange()),
                                          t.value() - t.oldValue());
                              return Math.abs(Math.abs(ratio - 1) - config.clipRange()) > clear
                                  && Math.abs(moved - config.valueClipRange()) > clear
                                  && (held == t.value()
                                      || Math.abs(
                                              Math.abs(held - t.target())
                                                  - Math.abs(t.value() - t.target()))
                                          > clear);
                            })
                        .collect(ImmutableList.toImmutableList()))
            .filter(response -> !response.isEmpty())
            .collect(ImmutableList.toImmutableList()));
  }

  @Test
  void token_onTheEdgeOfItsRanges_isNotClipped() {
    // the ratio is 1 in both, the ranges are touched by values alone
    TokenCase c =
        new TokenCase(ImmutableList.of(ImmutableList.of(new Token(-1, -1, 0.45, 0, 1, -1))));

    Outcome actual = c.evaluate(WIDE);

    assertThat(actual.diagnostics().get("policy/clipfrac_avg")).isZero();
    assertThat(actual.diagnostics().get("val/clipfrac_avg")).isZero();
    assertThat(actual.byLogProb()).containsExactly(-1);
    assertThat(actual.byValue()).containsExactly(1.45);
  }

  @ParameterizedTest
  @MethodSource("losses")
  void loss_ofExtremes_staysFinite(TokenPpoLoss loss) {
    ImmutableList<Token> extremes =
        ImmutableList.of(
            new Token(0, -1e6, 0, 0, 1, 1e30),
            new Token(-1e6, 0, 1e30, 0, 1, -1e30),
            new Token(0, -1e6, -1e30, 1e30, -1e30, 0),
            new Token(-1e6, 0, 0, 0, 1e30, 1e30),
            new Token(-1e6, -1e6, 0, 0, 0, 0));
    for (TokenCase c :
        ImmutableList.of(
            new TokenCase(ImmutableList.of(extremes)),
            new TokenCase(ImmutableList.of(extremes.subList(1, 2))))) {
      Outcome actual = c.evaluate(loss);

      assertThat(actual.loss()).isFinite();
      assertThat(Doubles.asList(actual.byLogProb())).allMatch(Double::isFinite);
      assertThat(Doubles.asList(actual.byValue())).allMatch(Double::isFinite);
    }
  }

  @Test
  void targets_ofExtremeRewards_stayFinite() {
    ImmutableList<TokenTargets> targets =
        USUAL.targets(
            ImmutableList.of(
                rollout(new double[] {-1e6, 0}, new double[] {0, -1e6}, 1e30),
                rollout(new double[] {0}, new double[] {-1e6}, -1e30)),
            1);

    assertThat(targets.get(0).advantages().get(1)).isGreaterThan(0.5);
    assertThat(targets.get(1).advantages().get(0)).isLessThan(-0.5);
    assertThat(targets.get(1).returns().get(0)).isEqualTo(-1e30, within(1e20));
  }

  @Test
  void targets_withAScaledCoefficient_areThoseOfTheProduct() {
    ImmutableList<TokenRollout> rollouts =
        ImmutableList.of(
            rollout(new double[] {-1, -2}, new double[] {-3, -1}, 1),
            rollout(new double[] {-2}, new double[] {-1}, 0.5));
    PpoConfig config = new PpoConfig().withKlCoefficient(0.1);

    assertThat(new TokenPpoLoss(config).targets(rollouts, 3))
        .isEqualTo(new TokenPpoLoss(config.withKlCoefficient(0.1 * 3)).targets(rollouts, 1));
    assertThat(new TokenPpoLoss(config).klPenalty()).isEqualTo(0.1);
  }

  @Test
  void targets_ofEqualResponses_giveNoAdvantageToEither() {
    TokenRollout same = rollout(new double[] {-2}, new double[] {-1}, 0.7);

    for (TokenTargets targets : USUAL.targets(ImmutableList.of(same, same), 1)) {
      assertThat(targets.advantages().get(0)).isZero();
    }
  }

  private static TokenRollout rollout(double[] old, double[] reference, double reward) {
    return new TokenRollout(
        TokenLogProbs.of(old),
        TokenLogProbs.of(reference),
        TokenValues.of(new double[old.length]),
        reward);
  }

  private static TokenCase someTokens(long seed) {
    return TokenCase.random(seed, 3, 1, 6, 4);
  }

  @Property(tries = 20)
  void padding_moreOfIt_changesNoBit(@ForAll long seed, @ForAll @IntRange(max = 9) int more) {
    TokenCase c = someTokens(seed);
    Outcome plain = c.evaluate(USUAL);
    Outcome padded = c.evaluate(USUAL, c.longest() + more, c.count());

    assertThat(padded.loss()).isCloseTo(plain.loss(), within(1e-14));
    assertThat(padded.byLogProb()).isEqualTo(plain.byLogProb());
    assertThat(padded.byValue()).isEqualTo(plain.byValue());
    padded
        .diagnostics()
        .forEach(
            (name, value) ->
                assertThat(value).isCloseTo(plain.diagnostics().get(name), within(1e-14)));
  }

  @Property(tries = 20)
  void order_ofTheResponses_changesNothing(@ForAll long seed) {
    TokenCase c = someTokens(seed);
    Outcome plain = c.evaluate(USUAL);
    Outcome turned = c.select(3, 2, 1, 0).evaluate(USUAL);

    assertThat(turned.loss()).isCloseTo(plain.loss(), within(1e-14));
    assertThat(Arrays.copyOf(turned.byLogProb(), 4))
        .isEqualTo(Arrays.copyOfRange(plain.byLogProb(), 10, 14));
    assertThat(Arrays.copyOfRange(turned.byValue(), 11, 14))
        .isEqualTo(Arrays.copyOf(plain.byValue(), 3));
  }

  @Property(tries = 20)
  void parts_ofUnevenSize_addUpToTheWhole(@ForAll long seed) {
    TokenCase c = someTokens(seed);
    Outcome whole = c.evaluate(USUAL);
    Outcome first = c.select(0).evaluate(USUAL, 8, c.count());
    Outcome rest = c.select(1, 2, 3).evaluate(USUAL, 6, c.count());

    assertThat(first.loss() + rest.loss()).isCloseTo(whole.loss(), within(1e-14));
    assertThat(Doubles.concat(first.byLogProb(), rest.byLogProb())).isEqualTo(whole.byLogProb());
    assertThat(Doubles.concat(first.byValue(), rest.byValue())).isEqualTo(whole.byValue());
  }

  @Test
  void targets_ofRewardsShiftedByPrompt_areOthers() {
    ImmutableList<TokenTargets> plain = targetsWithRewards(USUAL, 1, 2, 0.5);
    ImmutableList<TokenTargets> shifted = targetsWithRewards(USUAL, 1, 2 + 8, 0.5 + 8);

    assertThat(largestChange(plain, shifted)).isGreaterThan(0.5);
  }

  private static ImmutableList<TokenTargets> targetsWithRewards(
      TokenPpoLoss loss, double... rewards) {
    return loss.targets(
        Arrays.stream(rewards)
            .mapToObj(r -> rollout(new double[] {-1, -2}, new double[] {-1, -2}, r))
            .collect(ImmutableList.toImmutableList()),
        1);
  }

  private static double largestChange(
      ImmutableList<TokenTargets> first, ImmutableList<TokenTargets> second) {
    return IntStream.range(0, first.size())
        .mapToDouble(
            i -> Math.abs(first.get(i).advantages().get(1) - second.get(i).advantages().get(1)))
        .max()
        .orElseThrow();
  }

  @Test
  void settings_outOfRange_areRefusedByName() {
    PpoConfig usual = new PpoConfig();
    assertRefused(() -> usual.withClipRanges(0, 1), "clipRange: expected > 0, got 0.0");
    assertRefused(() -> usual.withClipRanges(1, -1), "valueClipRange: expected > 0, got -1.0");
    assertRefused(() -> usual.withDiscounts(1.01, 1), "gamma: expected from 0 to 1, got 1.01");
    assertRefused(
        () -> usual.withDiscounts(1, Double.NaN), "lambda: expected from 0 to 1, got NaN");
    assertRefused(
        () -> usual.withKlCoefficient(-0.1),
        "klCoefficient: expected a finite number >= 0, got -0.1");
    assertRefused(
        () -> usual.withValueCoefficient(Double.POSITIVE_INFINITY),
        "valueCoefficient: expected a finite number >= 0, got Infinity");
  }

  private static void assertRefused(Runnable change, String message) {
    assertThatThrownBy(change::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
