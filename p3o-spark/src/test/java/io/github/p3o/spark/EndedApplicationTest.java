package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.TabularPolicy;
import io.github.p3o.testing.Bandit;
import java.util.SplittableRandom;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;

/** Spark may stop before what uses it is closed. */
class EndedApplicationTest {

  @Test
  void close_afterTheApplicationHasEnded_freesWhatTheDriverHolds() {
    SparkSession spark = Sessions.local(1);
    SparkPrompts prompts =
        SparkPrompts.ofTokens(
            spark.sql("select explode(array(array(0), array(1), array(2))) tokens"), "tokens");
    SparkP3OTrainer<TabularPolicy> trainer =
        SparkP3OTrainer.builder(spark, BanditModels.USUAL)
            .prompts(prompts)
            .config(BanditModels.config().build())
            .build();
    try (TabularPolicy policy = BanditModels.USUAL.policy()) {
      SparkSampler sampler = new SparkSampler(spark, BanditModels.USUAL, policy, 1);
      trainer.step();
      sampler.sample(Bandit.CONTEXTS, 2, new SplittableRandom(1));
      spark.stop();
      sampler.close();
    }
    trainer.close();
    trainer.close();
    prompts.close();
    assertThatThrownBy(() -> trainer.policy().parameters().vector())
        .hasMessage("parameters: expected open parameters, got closed ones");
    assertThat(trainer.stepsDone()).isEqualTo(1);
  }
}
