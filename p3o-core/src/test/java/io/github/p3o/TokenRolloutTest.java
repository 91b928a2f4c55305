package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** What is known of the tokens of one response. */
class TokenRolloutTest {

  private static final TokenLogProbs TWO = TokenLogProbs.of(-1, -2);

  @Test
  void length_isThatOfTheResponse() {
    assertThat(new TokenRollout(TWO, TWO, TokenValues.of(0, 1), 3).length()).isEqualTo(2);
  }

  @Test
  void parts_ofAnotherLength_areRefusedByName() {
    assertRefused(
        () -> new TokenRollout(TWO, TokenLogProbs.of(-1), TokenValues.of(0, 0), 1),
        "referenceLogProbs: expected 2 tokens, got 1");
    assertRefused(
        () -> new TokenRollout(TWO, TWO, TokenValues.of(0, 0, 0), 1),
        "values: expected 2 tokens, got 3");
    assertRefused(
        () ->
            new TokenTargets(
                TWO, TokenValues.of(0, 0), TokenAdvantages.of(1, 1), TokenValues.of(1)),
        "returns: expected 2 tokens, got 1");
  }

  @Test
  void values_thatAreNotFiniteOrNone_areRefusedByNameAndToken() {
    assertRefused(
        () -> new TokenRollout(TWO, TWO, TokenValues.of(0, 0), Double.NaN),
        "reward: expected a finite value, got NaN");
    assertRefused(
        () -> TokenLogProbs.of(-1, Double.NEGATIVE_INFINITY),
        "tokenLogProbs[1]: expected a finite value, got -Infinity");
    assertRefused(
        () -> TokenValues.of(Double.NaN), "tokenValues[0]: expected a finite value, got NaN");
    assertRefused(
        () -> TokenAdvantages.of(), "tokenAdvantages: expected at least one token, got none");
  }

  private static void assertRefused(Runnable construction, String message) {
    assertThatThrownBy(construction::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
