package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.PolicyLoss.RewardView;
import io.github.p3o.RewardShaper.Shaped;
import io.github.p3o.RewardShaping.Breaking;
import io.github.p3o.RewardShaping.Centering;
import io.github.p3o.RewardShaping.PerPrompt;
import io.github.p3o.RewardShaping.Scale;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** What shaping does to rewards, and what a shift of the reward by prompt does to shaped ones. */
class RewardShapingTest {

  private static final Response ENDED = Response.of(1);
  private static final Response CUT = new Response(ImmutableIntArray.of(1), false);

  private static ImmutableList<Response> ended(int count) {
    return ImmutableList.copyOf(Collections.nCopies(count, ENDED));
  }

  private static double[] shape(RewardShaping shaping, RewardView view, double[]... rows) {
    Rewards rewards = Rewards.of(rows);
    return shaper(shaping, view)
        .shape(rewards, ended(rewards.values().length()), RewardShapingState.START)
        .rewards()
        .values()
        .toArray();
  }

  private static RewardShaper shaper(RewardShaping shaping, RewardView view) {
    return new RewardShaper(shaping, view);
  }

  /** Some batches in a row: the rewards of each, a shift added by prompt. */
  private static List<double[]> run(
      RewardShaping shaping, RewardView view, int k, long seed, double shift) {
    Random random = new Random(seed);
    List<double[]> shaped = new ArrayList<>();
    RewardShapingState state = RewardShapingState.START;
    for (int batch = 0; batch < 3; batch++) {
      int groups = 1 + random.nextInt(4);
      double[] rewards = new double[k * groups];
      double[] shifts = random.ints(groups, -1024, 1025).mapToDouble(i -> i / 1024.0).toArray();
      ImmutableList.Builder<Response> responses = ImmutableList.builder();
      for (int i = 0; i < rewards.length; i++) {
        // multiples of 2⁻¹⁰: exact with any shift here
        rewards[i] = random.nextInt(-4096, 4097) / 1024.0 + shift * shifts[i % groups];
        responses.add(random.nextInt(3) == 0 ? CUT : ENDED);
      }
      Shaped result =
          shaper(shaping, view).shape(Rewards.ofFlat(k, rewards), responses.build(), state);
      state = result.state();
      shaped.add(result.rewards().values().toArray());
    }
    return shaped;
  }

  /** Differences to the first response of each prompt. */
  private static double[] differences(double[] rewards, int k) {
    int groups = rewards.length / k;
    return IntStream.range(0, rewards.length)
        .mapToDouble(i -> rewards[i] - rewards[i % groups])
        .toArray();
  }

  @Provide
  Arbitrary<RewardShaping> invariant() {
    return Arbitraries.of(
            Arrays.stream(Scale.values())
                .filter(scale -> scale != Scale.REWARD_DEVIATION)
                .flatMap(
                    scale ->
                        Arrays.stream(PerPrompt.values())
                            .filter(perPrompt -> scale == Scale.NONE || perPrompt == PerPrompt.NONE)
                            .map(
                                perPrompt ->
                                    RewardShaping.NONE.withScale(scale).withPerPrompt(perPrompt)))
                .toList())
        .flatMap(
            shaping -> Arbitraries.of(0.0, 0.1, 1 / 3.0, 5.0).map(shaping::withMissingEndPenalty));
  }

  @Property(tries = 200, edgeCases = EdgeCasesMode.NONE)
  void shift_underShapingThatBreaksNothing_changesNotOneBit(
      @ForAll("invariant") RewardShaping shaping,
      @ForAll @IntRange(min = 2, max = 5) int k,
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 6) int exponent) {
    assertThat(shaping.breaking()).isEmpty();
    List<double[]> plain = run(shaping, RewardView.DIFFERENCES, k, seed, 0);
    List<double[]> shifted = run(shaping, RewardView.DIFFERENCES, k, seed, Math.pow(10, exponent));
    for (int batch = 0; batch < plain.size(); batch++) {
      if (shaping.changesNothing()) { // rewards pass as they are; their differences are exact here
        assertThat(differences(shifted.get(batch), k))
            .containsExactly(differences(plain.get(batch), k));
      } else {
        assertThat(shifted.get(batch)).containsExactly(plain.get(batch));
      }
    }
  }

  @Property(tries = 60, edgeCases = EdgeCasesMode.NONE)
  void shift_underTheMeanOfThePrompt_reachesNoObjectiveAtAll(
      @ForAll @IntRange(min = 2, max = 5) int k, @ForAll long seed) {
    RewardShaping shaping = RewardShaping.NONE.withPerPrompt(PerPrompt.MEAN_AND_DEVIATION);
    List<double[]> plain = run(shaping, RewardView.VALUES, k, seed, 0);
    List<double[]> shifted = run(shaping, RewardView.VALUES, k, seed, 1e6);
    for (int batch = 0; batch < plain.size(); batch++) {
      assertThat(shifted.get(batch)).containsExactly(plain.get(batch));
    }
  }

  @Property(tries = 60, edgeCases = EdgeCasesMode.NONE)
  void shift_underTheOthers_reachesObjectivesThatSeeRewards(
      @ForAll("invariant") RewardShaping shaping, @ForAll @IntRange(min = 2, max = 5) int k) {
    if (shaping.perPrompt() != PerPrompt.MEAN_AND_DEVIATION) {
      double[] plain = run(shaping, RewardView.VALUES, k, 3, 0).get(0);
      double[] shifted = run(shaping, RewardView.VALUES, k, 3, 100).get(0);

      assertThat(shifted[0]).isNotCloseTo(plain[0], within(0.1));
    }
  }

  @Test
  void shift_underWhatBreaksTheInvariance_changesDifferences() {
    for (RewardShaping shaping :
        List.of(
            RewardShaping.NONE.withScale(Scale.REWARD_DEVIATION),
            RewardShaping.NONE.withClip(2),
            RewardShaping.NONE.withCentering(Centering.RUNNING_MEAN).withClip(2))) {
      double[] plain = run(shaping, RewardView.DIFFERENCES, 2, 9, 0).get(0);
      double[] shifted = run(shaping, RewardView.DIFFERENCES, 2, 9, 100).get(0);
      double[] before = differences(plain, 2);
      double[] after = differences(shifted, 2);
      double change =
          IntStream.range(0, before.length)
              .mapToDouble(i -> Math.abs(after[i] - before[i]))
              .max()
              .orElseThrow();

      assertThat(change).as("%s", shaping).isGreaterThan(0.1);
    }
  }

  @Test
  void runningMeanAlone_inDifferences_cancelsButForItsRounding() {
    RewardShaping shaping = RewardShaping.NONE.withCentering(Centering.RUNNING_MEAN);
    double[] plain = run(shaping, RewardView.DIFFERENCES, 3, 1, 0).get(2);
    double[] shifted = run(shaping, RewardView.DIFFERENCES, 3, 1, 1e6).get(2);

    assertThat(shifted[0]).isNotEqualTo(plain[0]);
    assertThat(differences(shifted, 3)).containsExactly(differences(plain, 3), within(1e-8));
  }

  @Test
  void nothing_changesNothing() {
    Rewards rewards = Rewards.of(new double[] {1, 2}, new double[] {3, 4});
    Shaped shaped =
        shaper(RewardShaping.NONE.allowing(Breaking.CLIP), RewardView.DIFFERENCES)
            .shape(rewards, ended(4), RewardShapingState.START);

    assertThat(shaped.rewards()).isSameAs(rewards);
    assertThat(shaped.metrics()).isEmpty();
  }

  @Test
  void pairDeviation_isTheRootOfTheMeanVarianceWithinPrompts() {
    // variances within the two prompts: (1 − 3)²/2 = 2 and (10 − 16)²/2 = 18
    double[] shaped =
        shape(
            RewardShaping.NONE.withScale(Scale.PAIR_DEVIATION),
            RewardView.VALUES,
            new double[] {1, 10},
            new double[] {3, 16});

    double deviation = Math.sqrt((2 + 18) / 2.0);
    assertThat(shaped)
        .containsExactly(
            new double[] {1 / deviation, 10 / deviation, 3 / deviation, 16 / deviation},
            within(1e-14));
  }

  @Test
  void pairDeviation_runsOverAllPromptsSoFar() {
    RewardShaper shaper =
        shaper(RewardShaping.NONE.withScale(Scale.PAIR_DEVIATION), RewardView.DIFFERENCES);
    Shaped first =
        shaper.shape(
            Rewards.of(new double[] {0, 0}, new double[] {2, 6}),
            ended(4),
            RewardShapingState.START);
    Shaped second =
        shaper.shape(Rewards.of(new double[] {5}, new double[] {6}), ended(2), first.state());

    assertThat(second.state().prompts()).isEqualTo(3);
    assertThat(second.state().pairDeviation())
        .isCloseTo(Math.sqrt((2 + 18 + 0.5) / 3), within(1e-14));
    assertThat(second.rewards().get(1, 0))
        .isCloseTo(1 / second.state().pairDeviation(), within(1e-14));
  }

  @Test
  void rewardDeviation_isThatOfAllRewards() {
    double[] shaped =
        shape(
            RewardShaping.NONE.withScale(Scale.REWARD_DEVIATION),
            RewardView.VALUES,
            new double[] {2, 4},
            new double[] {4, 6});

    double deviation = Math.sqrt(8 / 3.0); // distances from 4: −2, 0, 0, 2
    assertThat(shaped[0]).isCloseTo(2 / deviation, within(1e-14));
    assertThat(shaped[3]).isCloseTo(6 / deviation, within(1e-14));
  }

  @Test
  void perPrompt_dividesByThePromptsOwnDeviation() {
    double[][] rows = {{1, 10}, {2, 10}, {6, 10}}; // deviation of the first √7, of the second 0
    double root = Math.sqrt(7);

    assertThat(
            shape(RewardShaping.NONE.withPerPrompt(PerPrompt.DEVIATION), RewardView.VALUES, rows))
        .containsExactly(new double[] {1 / root, 10, 2 / root, 10, 6 / root, 10}, within(1e-14));
    assertThat(
            shape(
                RewardShaping.NONE.withPerPrompt(PerPrompt.MEAN_AND_DEVIATION),
                RewardView.VALUES,
                rows))
        .containsExactly(new double[] {-2 / root, 0, -1 / root, 0, 3 / root, 0}, within(1e-14));
  }

  @Test
  void perPrompt_ofATieUpToRounding_isATie() {
    double[][] rows = {{0.1 + 0.2, 1}, {0.3, 5}};

    for (PerPrompt perPrompt : List.of(PerPrompt.DEVIATION, PerPrompt.MEAN_AND_DEVIATION)) {
      double[] shaped =
          shape(RewardShaping.NONE.withPerPrompt(perPrompt), RewardView.DIFFERENCES, rows);

      assertThat(Math.abs(shaped[2] - shaped[0])).isLessThan(1e-15);
      assertThat(shaped[3] - shaped[1]).isCloseTo(Math.sqrt(2), within(1e-14));
    }
  }

  @Test
  void missingEndPenalty_looksAtTheResponseAlone() {
    RewardShaping shaping = RewardShaping.NONE.withMissingEndPenalty(0.5);
    Rewards rewards = Rewards.of(new double[] {0, 7}, new double[] {3, 7});
    ImmutableList<Response> responses = ImmutableList.of(CUT, ENDED, ENDED, CUT);
    Shaped values =
        shaper(shaping, RewardView.VALUES).shape(rewards, responses, RewardShapingState.START);
    Shaped relative =
        shaper(shaping, RewardView.DIFFERENCES).shape(rewards, responses, RewardShapingState.START);

    assertThat(values.rewards().values().toArray()).containsExactly(-0.5, 7, 3, 6.5);
    assertThat(relative.rewards().values().toArray()).containsExactly(0, 0, 3.5, -0.5);
    assertThat(values.metrics().get("shaping/penalised_ratio")).isEqualTo(0.5);
  }

  @Test
  void clip_boundsAndCounts() {
    RewardShaping shaping = RewardShaping.NONE.withClip(2).allowing(Breaking.CLIP);
    Shaped shaped =
        shaper(shaping, RewardView.DIFFERENCES)
            .shape(
                Rewards.of(new double[] {-3, 1}, new double[] {2, 5}),
                ended(4),
                RewardShapingState.START);

    assertThat(shaped.rewards().values().toArray()).containsExactly(-2, 1, 2, 2);
    assertThat(shaped.metrics())
        .containsEntry("shaping/clipped_ratio", 0.5)
        .containsEntry("shaping/scores_margin", 2.5)
        .containsEntry("shaping/breaks_invariance", 1.0)
        .containsEntry("shaping/scale", 1.0);
  }

  @Test
  void ties_stayTiesAndAreNotDividedByNothing() {
    for (Scale scale : Scale.values()) {
      assertThat(
              shape(
                  RewardShaping.NONE.withScale(scale),
                  RewardView.VALUES,
                  new double[] {3},
                  new double[] {3}))
          .containsExactly(3, 3);
    }
  }

  @Test
  void rewardWhoseSquareOverflows_isNamed() {
    for (RewardView view : RewardView.values()) {
      for (double great : new double[] {1e151, 1e160, 1e308}) {
        assertThatThrownBy(
                () ->
                    shape(
                        RewardShaping.NONE.withMissingEndPenalty(1),
                        view,
                        new double[] {-1, 2},
                        new double[] {1, great}))
            .isInstanceOf(NonFiniteException.class)
            .hasMessageStartingWith(
                "reward: expected at most 1.0E150, got " + great + " for response 1 of prompt 1");
      }
      double[] shaped =
          shape(
              RewardShaping.NONE.withScale(Scale.PAIR_DEVIATION),
              view,
              new double[] {-1e149},
              new double[] {1e149});
      assertThat(shaped[1] - shaped[0]).isCloseTo(Math.sqrt(2), within(1e-14));
    }
  }

  @Test
  void settings_thatCannotBe_areRefusedByName() {
    assertThatThrownBy(() -> RewardShaping.NONE.withClip(0))
        .hasMessage("clip: expected a number > 0, got 0.0");
    assertThatThrownBy(() -> RewardShaping.NONE.withClip(Double.NaN))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> RewardShaping.NONE.withMissingEndPenalty(-1))
        .hasMessage("missingEndPenalty: expected a finite number >= 0, got -1.0");
    assertThatThrownBy(
            () ->
                RewardShaping.NONE
                    .withScale(Scale.PAIR_DEVIATION)
                    .withPerPrompt(PerPrompt.DEVIATION))
        .hasMessageContaining("scale: expected NONE with perPrompt DEVIATION");
    assertThatThrownBy(
            () ->
                RewardShaping.NONE
                    .withCentering(Centering.RUNNING_MEAN)
                    .withPerPrompt(PerPrompt.MEAN_AND_DEVIATION))
        .hasMessageContaining("centering: expected NONE with perPrompt MEAN_AND_DEVIATION");
    assertThatThrownBy(() -> new RewardShapingState(0, Double.NaN, 0, 0, 0))
        .hasMessage("withinVariance: expected a finite number >= 0, got NaN");
  }
}
