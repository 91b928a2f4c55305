package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.collect.ImmutableList;
import org.junit.jupiter.api.Test;

class SamplingConfigTest {

  private static final StopRule RULE = tokens -> false;

  /** Every component has another value, so that no two can change places unseen. */
  private static final SamplingConfig ALL =
      new SamplingConfig(3, 20, 7, 0.9, 0.05, 1.25, ImmutableList.of(RULE));

  @Test
  void with_ofEachInTurn_givesWhatTheConstructorGives() {
    assertThat(
            SamplingConfig.of(20)
                .withMinNewTokens(3)
                .withTopK(7)
                .withTopP(0.9)
                .withMinP(0.05)
                .withRepetitionPenalty(1.25)
                .withStopRule(RULE))
        .isEqualTo(ALL);
  }

  @Test
  void with_changesOneComponentAndKeepsTheRest() {
    ImmutableList<StopRule> rules = ImmutableList.of(RULE);
    assertThat(ALL.withMinNewTokens(4))
        .isEqualTo(new SamplingConfig(4, 20, 7, 0.9, 0.05, 1.25, rules));
    assertThat(ALL.withTopK(8)).isEqualTo(new SamplingConfig(3, 20, 8, 0.9, 0.05, 1.25, rules));
    assertThat(ALL.withTopP(0.8)).isEqualTo(new SamplingConfig(3, 20, 7, 0.8, 0.05, 1.25, rules));
    assertThat(ALL.withMinP(0.1)).isEqualTo(new SamplingConfig(3, 20, 7, 0.9, 0.1, 1.25, rules));
    assertThat(ALL.withRepetitionPenalty(2))
        .isEqualTo(new SamplingConfig(3, 20, 7, 0.9, 0.05, 2, rules));
  }

  @Test
  void with_aValueOutOfRange_isRefusedByName() {
    SamplingConfig config = SamplingConfig.of(20);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.withMinNewTokens(21))
        .withMessage("minNewTokens: expected 0 to maxNewTokens = 20, got 21");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.withTopK(-1))
        .withMessage("topK: expected at least 0, got -1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.withTopP(1.5))
        .withMessage("topP: expected a value in (0, 1], got 1.5");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.withMinP(-0.5))
        .withMessage("minP: expected a value in [0, 1], got -0.5");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.withRepetitionPenalty(0))
        .withMessage("repetitionPenalty: expected > 0 and finite, got 0.0");
  }
}
