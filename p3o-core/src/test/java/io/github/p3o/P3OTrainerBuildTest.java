package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.CountedPolicy;
import io.github.p3o.testing.ForwardingPolicy;
import io.github.p3o.testing.UncopiedPolicy;
import io.github.p3o.testing.Unmarked;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
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

  /** The KL would be 0 for ever, and its coefficient without effect. */
  @Test
  void build_referenceThatIsTrained_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      String expected =
          "reference: expected a policy that is not trained, got one with the live parameters of"
              + " the trained policy; leave it out for the policy as it is now, or give a"
              + " frozenCopy() of it, the caller's to close";
      CountedPolicy view = CountedPolicy.of(policy, copy -> {});
      for (Policy reference : ImmutableList.of(policy, view)) {
        assertThatThrownBy(() -> Bandit.trainer(policy).reference(reference).build())
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage(expected);
      }
      try (Policy frozen = policy.frozenCopy();
          P3OTrainer trainer = Bandit.trainer(policy).reference(frozen).build()) {
        trainer.train(2); // what shares memory at first is no longer the same
        assertThat(trainer.step().get("objective/kl")).isNotZero();
      }
    }
  }

  /** A policy of a host that has no copy to give. */
  @Test
  void build_frozenCopyThatIsThePolicyItself_isRefusedAndThePolicyStaysOpen() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      Policy lazy = new UncopiedPolicy(policy, UnaryOperator.identity());
      assertThatThrownBy(() -> Bandit.trainer(lazy).sampler(policy).build())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "policy.frozenCopy: expected parameters of its own, which stay as they are, got the"
                  + " live ones of the policy");
      assertThat(policy.parameters().vector().toDoubleVector()).containsOnly(0);
    }
  }

  @Test
  void builder_null_isRefusedByName() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      P3OTrainer.Builder builder = Bandit.trainer(policy);
      PairwiseLoss noLoss = new Unmarked<PairwiseLoss>().none();
      Policy noPolicy = new Unmarked<Policy>().none();
      assertRefused(() -> P3OTrainer.builder(policy, noLoss), "loss: expected an objective");
      assertRefused(() -> Bandit.trainer(noPolicy), "policy: expected a policy");
      assertRefused(
          () -> builder.reference(new Unmarked<Policy>().none()), "reference: expected a policy");
      assertRefused(
          () -> builder.config(new Unmarked<TrainerConfig>().none()),
          "config: expected a configuration");
      assertRefused(
          () -> builder.health(new Unmarked<HealthThresholds>().none()),
          "health: expected thresholds");
      assertRefused(
          () -> builder.listener(new Unmarked<TrainingListener>().none()),
          "listener: expected a listener");
      assertRefused(
          () -> builder.samplerOfCopy(new Unmarked<Function<Policy, PairSampler>>().none()),
          "samplerOfCopy: expected a function");
      assertRefused(
          () -> builder.samplerOfCopy(copy -> new Unmarked<PairSampler>().none()),
          "samplerOfCopy: expected a sampler");
    }
  }

  private static void assertRefused(ThrowingCallable call, String message) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message + ", got null");
  }

  /** It would not draw ahead, and say nothing. */
  @Test
  void build_referenceThatGivesNoCopyToDrawAhead_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        Policy frozen = policy.frozenCopy()) {
      Policy reference =
          new ForwardingPolicy(frozen) {
            @Override
            public Policy frozenCopy() {
              return new Unmarked<Policy>().none();
            }
          };
      assertRefused(
          () -> ahead(policy, policy).reference(reference).build(),
          "reference.frozenCopy: expected a copy");
    }
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
