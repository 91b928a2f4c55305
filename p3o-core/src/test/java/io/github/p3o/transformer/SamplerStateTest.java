package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.Checkpoint;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Stateful;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** A run goes on with the sampler that it began with. */
class SamplerStateTest {

  private static final SamplingConfig SIX = SamplingConfig.of(6);

  private final TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);

  @AfterEach
  void close() {
    policy.close();
  }

  private P3OTrainer trainer(PairSampler sampler) {
    return TinyModels.trainer(policy).sampler(sampler).build();
  }

  private void assertRefused(PairSampler begun, PairSampler resumed, String message) {
    try (P3OTrainer first = trainer(begun);
        P3OTrainer second = trainer(resumed)) {
      Checkpoint checkpoint = first.checkpoint();
      assertThatThrownBy(() -> second.restore(checkpoint))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(message);
    }
  }

  @Test
  void restore_withAnotherSampler_isRefusedByName() {
    PairSampler six = policy.sampler(SIX);
    assertRefused(
        six, policy.sampler(7), "sampler.maxNewTokens: expected 6 as in the checkpoint, got 7");
    assertRefused(
        six,
        policy.withTemperature(0.7).sampler(8),
        "sampler.temperature: expected 1.0 as in the checkpoint, got 0.7;"
            + " sampler.maxNewTokens: expected 6 as in the checkpoint, got 8");
    assertRefused(
        six,
        policy.sampler(SIX.withStopRule(tokens -> false)),
        "sampler.stopRules: expected 0 as in the checkpoint, got 1");
  }

  @Test
  void restore_withTheSameSampler_isTaken() {
    try (P3OTrainer first = trainer(policy.sampler(6));
        P3OTrainer second = trainer(policy.sampler(SIX))) {
      second.restore(first.checkpoint());
      assertThat(second.stepsDone()).isZero();
    }
  }

  /** As checkpoints of earlier builds lack the state, and as hosts do that change it on purpose. */
  @Test
  void restore_ofACheckpointWithoutItsState_isTakenWithinALambdaAlone() {
    PairSampler six = policy.sampler(6);
    PairSampler hidden = (prompts, k, random) -> six.sample(prompts, k, random);
    assertRefused(
        hidden, six, "sampler: expected none as in the checkpoint, got a part with a state");
    try (P3OTrainer first = trainer(hidden);
        P3OTrainer second = trainer(hidden)) {
      assertThatCode(() -> second.restore(first.checkpoint())).doesNotThrowAnyException();
    }
  }

  @Test
  void restore_whatStateNeverGives_isRefused() {
    Stateful sampler = (Stateful) policy.sampler(6);
    sampler.restore(sampler.state());
    for (String wrong : new String[] {"", "six", "sampler.temperature=1.0=2"}) {
      assertThatThrownBy(() -> sampler.restore(wrong))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("sampler: expected settings like name=value, got ");
    }
    assertThatThrownBy(() -> sampler.restore("sampler.temperature=1.0"))
        .hasMessageContaining("sampler.maxNewTokens: expected none as in the checkpoint, got 6");
  }
}
