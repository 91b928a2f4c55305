package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.math.Stats;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Stateful;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class RewardStressTest {

  /** The first token of the response. */
  private static final RewardModel FIRST_TOKEN =
      RewardModel.each((prompt, response) -> response.tokens().get(0));

  private static double score(RewardStress stress, Prompt prompt, Response response) {
    return stress.apply(FIRST_TOKEN).score(ImmutableList.of(prompt), ImmutableList.of(response))[0];
  }

  @Test
  void none_changesNothing() {
    assertThat(score(RewardStress.none(), Prompt.of(1), Response.of(7))).isEqualTo(7);
  }

  @Property(tries = 100)
  void noise_followsFromSeedPromptAndResponse(
      @ForAll long seed, @ForAll @IntRange(min = 0, max = 100) int token) {
    RewardStress stress = RewardStress.none().withNoise(1, seed);
    double once = score(stress, Prompt.of(1, 2), Response.of(token));

    assertThat(score(stress, Prompt.of(1, 2), Response.of(token))).isEqualTo(once);
    // beside others, and in another place
    assertThat(
            stress.apply(FIRST_TOKEN)
                .score(
                    ImmutableList.of(Prompt.of(3), Prompt.of(1, 2)),
                    ImmutableList.of(Response.of(0), Response.of(token)))[1])
        .isEqualTo(once);
    assertThat(score(stress, Prompt.of(1), Response.of(token))).isNotEqualTo(once);
    assertThat(score(stress, Prompt.of(1, 2), Response.of(token, 2))).isNotEqualTo(once);
    assertThat(
            score(RewardStress.none().withNoise(1, seed + 1), Prompt.of(1, 2), Response.of(token)))
        .isNotEqualTo(once);
  }

  @Test
  void noise_hasItsDeviation() {
    RewardStress stress = RewardStress.none().withNoise(3, 5);
    Stats errors =
        Stats.of(
            IntStream.range(0, 4000)
                .mapToDouble(i -> score(stress, Prompt.of(i), Response.of(2)) - 2));

    assertThat(errors.mean()).isCloseTo(0, within(4 * 3 / Math.sqrt(4000)));
    assertThat(errors.sampleStandardDeviation()).isCloseTo(3, within(0.15));
  }

  @Property(tries = 100)
  void shift_isTheSameForAllResponsesToAPrompt(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 1000) int prompt,
      @ForAll @IntRange(min = 0, max = 100) int token) {
    RewardStress stress = RewardStress.none().withShift(10, seed);
    double shift = score(stress, Prompt.of(prompt), Response.of(token)) - token;

    assertThat(shift).isBetween(-10.0, 10.0);
    assertThat(score(stress, Prompt.of(prompt), Response.of(3, 4)) - 3)
        .isCloseTo(shift, within(1e-12));
    assertThat(score(stress, Prompt.of(prompt, 1), Response.of(token)) - token).isNotEqualTo(shift);
  }

  @Test
  void shift_ofManyPrompts_isSpreadOverItsRange() {
    RewardStress stress = RewardStress.none().withShift(3, 5);
    Stats shifts =
        Stats.of(
            IntStream.range(0, 4000)
                .mapToDouble(i -> score(stress, Prompt.of(i), Response.of(2)) - 2));

    assertThat(shifts.mean()).isCloseTo(0, within(4 * Math.sqrt(3.0 / 4000))); // variance 3²/3
    assertThat(shifts.min()).isLessThan(-2.9);
    assertThat(shifts.max()).isGreaterThan(2.9);
  }

  @Property(tries = 100)
  void lengthBias_isLinearInTheTokens(
      @ForAll @DoubleRange(min = -2, max = 2) double perToken,
      @ForAll @IntRange(min = 1, max = 20) int length) {
    Response response = Response.of(new int[length]);

    assertThat(score(RewardStress.none().withLengthBias(perToken), Prompt.of(1), response))
        .isCloseTo(perToken * length, within(1e-12));
  }

  @Property(tries = 100)
  void saturation_andClip_keepTheOrderWithinTheirLimit(
      @ForAll @IntRange(min = 0, max = 50) int token,
      @ForAll @DoubleRange(min = 0.5, max = 20) double limit) {
    double saturated =
        score(RewardStress.none().withSaturation(limit), Prompt.of(1), Response.of(token));
    double clipped = score(RewardStress.none().withClip(limit), Prompt.of(1), Response.of(token));

    assertThat(saturated).isCloseTo(limit * Math.tanh(token / limit), within(1e-12));
    assertThat(saturated).isLessThanOrEqualTo(clipped + 1e-12).isLessThanOrEqualTo(limit);
    assertThat(clipped).isEqualTo(Math.min(token, limit));
  }

  @Test
  void distortions_areAppliedInTheOrderInWhichTheyWereAdded() {
    RewardStress biasThenClip = RewardStress.none().withLengthBias(10).withClip(5);
    RewardStress clipThenBias = RewardStress.none().withClip(5).withLengthBias(10);

    assertThat(score(biasThenClip, Prompt.of(1), Response.of(7))).isEqualTo(5);
    assertThat(score(clipThenBias, Prompt.of(1), Response.of(7))).isEqualTo(15);
  }

  @Test
  void apply_doesNotWriteIntoTheModelsOwnArray() {
    double[] own = {1};
    RewardStress.none()
        .withLengthBias(1)
        .apply((prompts, responses) -> own)
        .score(ImmutableList.of(Prompt.of(1)), ImmutableList.of(Response.of(1)));

    assertThat(own).containsExactly(1);
  }

  @Test
  void apply_toAModelThatGivesTheWrongRewards_namesIt() {
    ImmutableList<Prompt> prompts = ImmutableList.of(Prompt.of(1));
    ImmutableList<Response> responses = ImmutableList.of(Response.of(1));

    assertThatThrownBy(
            () -> RewardStress.none().apply((p, r) -> new double[2]).score(prompts, responses))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewardModel: expected 1 rewards, one for each response, got 2");
    assertThatThrownBy(() -> RewardStress.none().apply(nothing()).score(prompts, responses))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewardModel: expected rewards, got null");
  }

  @SuppressWarnings({"NullAway", "DataFlowIssue"}) // a host's code need not be checked for null
  private static RewardModel nothing() {
    return (prompts, responses) -> null;
  }

  /** A reward model that counts its calls, and gives the count. */
  private static final class Counting implements RewardModel, Stateful {
    private int calls;

    @Override
    public double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
      calls++;
      return responses.stream().mapToDouble(response -> calls).toArray();
    }

    @Override
    public String state() {
      return String.valueOf(calls);
    }

    @Override
    public void restore(String state) {
      calls = Integer.parseInt(state);
    }
  }

  @Test
  void apply_toAModelThatRemembers_remembersTheSame() {
    RewardModel plain = (p, r) -> new double[r.size()];
    assertThat(RewardStress.none().apply(plain)).isNotInstanceOf(Stateful.class);

    RewardModel stressed = RewardStress.none().withLengthBias(1).apply(new Counting());
    score(stressed);
    assertThat(score(stressed)).isEqualTo(3);
    assertThat(((Stateful) stressed).state()).isEqualTo("2");
    ((Stateful) stressed).restore("7");
    assertThat(score(stressed)).isEqualTo(9);
    RewardModel shifted = TranslationCertificate.shifted(new Counting(), 1);
    score(TranslationCertificate.rounded(shifted, 3));
    assertThat(((Stateful) shifted).state()).isEqualTo("1");
  }

  private static double score(RewardModel model) {
    return model.score(ImmutableList.of(Prompt.of(1)), ImmutableList.of(Response.of(1)))[0];
  }

  @Test
  void numbersOutOfRange_areRefused() {
    assertThatThrownBy(() -> RewardStress.none().withNoise(-1, 0))
        .hasMessage("deviation: expected a finite number >= 0, got -1.0");
    assertThatThrownBy(() -> RewardStress.none().withShift(Double.NaN, 0))
        .hasMessage("magnitude: expected a finite number >= 0, got NaN");
    assertThatThrownBy(() -> RewardStress.none().withSaturation(0))
        .hasMessage("limit: expected a finite number > 0, got 0.0");
    assertThatThrownBy(() -> RewardStress.none().withLengthBias(Double.POSITIVE_INFINITY))
        .hasMessage("perToken: expected a finite number, got Infinity");
  }

  @Test
  void fall_isTheMeanOfTheSeedsDifferences_withStudentsInterval() {
    RewardStress.Fall fall =
        RewardStress.fall(new double[] {1.2, 0.7, 1.9}, new double[] {0.1, 0.4, -0.2});

    // 1.1, 0.3, 2.1: mean 7/6, variance 61/75; Student's t of 2 degrees at 0.975 is 4.3026527
    double half = 4.302652729749464 * Math.sqrt(61.0 / 75 / 3);
    assertThat(fall.clean()).isCloseTo(3.8 / 3, within(1e-12));
    assertThat(fall.stressed()).isCloseTo(0.1, within(1e-12));
    assertThat(fall.fall()).isCloseTo(3.5 / 3, within(1e-12));
    assertThat(fall.low()).isCloseTo(3.5 / 3 - half, within(1e-9));
    assertThat(fall.high()).isCloseTo(3.5 / 3 + half, within(1e-9));
  }

  @Test
  void fall_ofRunsThatTheDistortionDoesNotChange_isNothing_withNoDoubt() {
    double[] runs = {0.79, 0.78, 0.77};

    assertThat(RewardStress.fall(runs, runs)).isEqualTo(new RewardStress.Fall(0.78, 0.78, 0, 0, 0));
  }

  @Test
  void fall_ofRunsThatAreNotPairs_isRefused() {
    assertThatThrownBy(() -> RewardStress.fall(new double[0], new double[0]))
        .hasMessage("clean: expected at least one run, got none");
    assertThatThrownBy(() -> RewardStress.fall(new double[5], new double[3]))
        .hasMessage("stressed: expected 5 runs, one for each clean one, got 3");
  }
}
