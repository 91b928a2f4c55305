package io.github.p3o.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.P3OTrainer;
import io.github.p3o.RewardModel;
import io.github.p3o.StepMetrics;
import io.github.p3o.TabularPolicy;
import io.github.p3o.testing.Bandit;
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
}
