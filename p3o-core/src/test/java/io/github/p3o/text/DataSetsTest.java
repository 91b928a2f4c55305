package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataSetsTest {

  /** 10,000 preferences, two for each of 5,000 prompts. */
  private static final ImmutableList<Preference> PREFERENCES =
      IntStream.range(0, 10_000)
          .mapToObj(i -> new Preference("prompt " + i % 5000, "chosen " + i, "rejected"))
          .collect(ImmutableList.toImmutableList());

  @Property(tries = 20)
  void split_ofPreferences_putsNoPromptOnBothSides(
      @ForAll long seed, @ForAll @DoubleRange(min = 0.05, max = 0.95) double fraction) {
    DataSets.Split split = DataSets.split(PREFERENCES, fraction, seed);

    assertThat(prompts(split.training())).doesNotContainAnyElementsOf(prompts(split.heldOut()));
    assertThat(split.training().size() + split.heldOut().size()).isEqualTo(PREFERENCES.size());
    // 5,000 prompts: five standard deviations are at most 0.036
    assertThat(split.heldOut().size() / 10_000.0).isCloseTo(fraction, within(0.036));
  }

  @Test
  void split_inAnotherOrder_isTheSame() {
    List<Preference> reversed = PREFERENCES.reverse();

    assertThat(prompts(DataSets.split(reversed, 0.3, 7).heldOut()))
        .isEqualTo(prompts(DataSets.split(PREFERENCES, 0.3, 7).heldOut()));
  }

  @Test
  void split_withAnotherSeed_isAnother() {
    assertThat(DataSets.split(PREFERENCES, 0.3, 7))
        .isEqualTo(DataSets.split(PREFERENCES, 0.3, 7))
        .isNotEqualTo(DataSets.split(PREFERENCES, 0.3, 8));
  }

  @Test
  void split_withFractionZero_holdsNothingOut() {
    assertThat(DataSets.split(PREFERENCES, 0, 7).training()).isEqualTo(PREFERENCES);
    assertThat(DataSets.split(Collections.emptyList(), 0.5, 7).training()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1, 1.5, Double.NaN})
  void split_withABadFraction_throws(double fraction) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DataSets.split(PREFERENCES, fraction, 7))
        .withMessage("heldOutFraction: expected a value in [0, 1), got " + fraction);
  }

  private static Set<String> prompts(List<Preference> preferences) {
    return preferences.stream().map(Preference::prompt).collect(Collectors.toSet());
  }
}
