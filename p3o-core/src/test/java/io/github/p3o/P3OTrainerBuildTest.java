package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.CountedPolicy;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A trainer that is refused leaves nothing behind. */
class P3OTrainerBuildTest {

  static Stream<Arguments> refused() {
    return Stream.of(
        Arguments.of(
            Bandit.config().klControl(KlControl.adaptive(6, 1000)), "klControl: expected FIXED"),
        Arguments.of(
            Bandit.config().rewardShaping(RewardShaping.NONE.withClip(1)), "rewardShaping"),
        Arguments.of(Bandit.config().rolloutsAhead(1), "samplerOfCopy: expected to be set"));
  }

  /** Closed parameters, of which no vector could be made, and which can not be copied. */
  @ParameterizedTest
  @MethodSource("refused")
  void build_settingThatIsRefused_isRefusedBeforeMemoryIsTaken(
      TrainerConfig.Builder config, String message) {
    TabularPolicy closed = TabularPolicy.uniform(3, 4);
    closed.close();
    P3OTrainer.Builder builder =
        Bandit.trainer(closed).sampler(closed).config(config.build()); // not a sampler of a copy
    assertThatThrownBy(builder::build)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  private static P3OTrainer.Builder ahead(Policy policy, TabularPolicy sampler) {
    return Bandit.trainer(policy)
        .samplerOfCopy(copy -> sampler)
        .config(Bandit.config().rolloutsAhead(1).build());
  }

  @Test
  void build_copyThatFails_closesTheOneBefore() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      CountedPolicy counted =
          CountedPolicy.of(
              policy,
              copy -> {
                if (copy == 2) { // of the thread that draws ahead
                  throw new IllegalStateException("no memory");
                }
              });
      assertThatThrownBy(() -> ahead(counted, policy).build()).hasMessage("no memory");
      assertThat(counted.openCopies()).isZero();
    }
  }

  @Test
  void build_parametersThatAreRefused_closesTheCopies() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy frozen = policy.frozenCopy()) {
      CountedPolicy counted = CountedPolicy.of(frozen, copy -> {});
      assertThatThrownBy(() -> ahead(counted, policy).build())
          .hasMessage("parameters: expected trainable ones, got frozen ones");
      assertThat(counted.openCopies()).isZero();
    }
  }
}
