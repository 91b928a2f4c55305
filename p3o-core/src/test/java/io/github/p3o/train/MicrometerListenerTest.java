package io.github.p3o.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.P3OTrainer;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TabularPolicy;
import io.github.p3o.testing.Bandit;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;

class MicrometerListenerTest {

  @Test
  void train_withMeters_showsTheLastValuesAndCounts() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    Tags tags = Tags.of("run", "a");
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .rewardModel(RewardModel.each((prompt, response) -> 0))
                .listener(new MicrometerListener(registry, tags))
                .build()) {
      trainer.train(2);
      StepMetrics last = trainer.step();
      last.values()
          .forEach(
              (name, value) ->
                  assertThat(
                          registry.get("p3o." + name.replace('/', '.')).tags(tags).gauge().value())
                      .as(name)
                      .isEqualTo(value));
    }
    assertThat(registry.get("p3o.steps").tags(tags).counter().count()).isEqualTo(3);
    assertThat(registry.get("p3o.alarms").tags(tags.and("kind", "no_signal")).counter().count())
        .isEqualTo(1);
  }

  /** A step may have no update, and so no metrics of updates: what was is no longer so. */
  @Test
  void onStep_withoutAMetricThatWasMeasured_showsNoValue() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    MicrometerListener listener = new MicrometerListener(registry, Tags.empty());
    listener.onStep(new StepMetrics(0, ImmutableMap.of("loss", 1.5, "policy/updates", 4.0)));
    Gauge loss = registry.get("p3o.loss").gauge();
    assertThat(loss.value()).isEqualTo(1.5);

    listener.onStep(new StepMetrics(1, ImmutableMap.of("policy/updates", 0.0)));
    assertThat(loss.value()).isNaN();
    assertThat(registry.get("p3o.policy.updates").gauge().value()).isZero();

    listener.onStep(new StepMetrics(2, ImmutableMap.of("loss", 0.5, "policy/updates", 4.0)));
    assertThat(loss.value()).isEqualTo(0.5);
  }
}
