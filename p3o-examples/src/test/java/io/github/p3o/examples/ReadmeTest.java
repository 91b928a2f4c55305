package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.HealthAlarm;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.SameDiffPolicy;
import io.github.p3o.Samples;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainingListener;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.train.Checkpoints;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The Java of README.md, which {@link DocumentsTest} finds here, does what it says. */
class ReadmeTest {

  private static final Logger log = LoggerFactory.getLogger(ReadmeTest.class);

  private static final List<Prompt> USERS = List.of(Prompt.of(0), Prompt.of(1), Prompt.of(2));

  /** Of the application. */
  private static final class Shop {

    /** User i has feature i alone, and likes item i. */
    static Map<String, INDArray> features(
        BatchShape shape, List<Prompt> users, List<Response> items) {
      float[][] rows = new float[users.size()][3];
      for (int i = 0; i < rows.length; i++) {
        rows[i][users.get(i).tokens().get(0)] = 1;
      }
      return Map.of("features", Nd4j.createFromArray(rows));
    }
  }

  private static boolean likes(Prompt user, Response item) {
    return user.tokens().equals(item.tokens());
  }

  private static double[] logProbs(SameDiffPolicy policy, Prompt user) {
    double[] logits =
        policy.parameters().get("weights").getRow(user.tokens().get(0)).toDoubleVector();
    double sum = Arrays.stream(logits).map(Math::exp).sum();
    return Arrays.stream(logits).map(logit -> logit - Math.log(sum)).toArray();
  }

  private static int draw(double[] logProbs, RandomGenerator random) {
    double left = random.nextDouble();
    for (int i = 0; i < logProbs.length; i++) {
      left -= Math.exp(logProbs[i]);
      if (left < 0) {
        return i;
      }
    }
    return logProbs.length - 1;
  }

  @Test
  void example_alignsAHostsPolicyAndGoesOnAfterAKill(@TempDir Path run) {
    SameDiff network = SameDiff.create(); // yours: features of a user in, logits of 3 items out
    SDVariable x = network.placeHolder("features", DataType.FLOAT, -1, 3);
    network.mmul("logits", x, network.var("weights", Nd4j.zeros(DataType.FLOAT, 3, 3)));
    SameDiffPolicy policy = SameDiffPolicy.ofLogits(network, "logits", 3, Shop::features);
    PairSampler sampler = // yours: k items for each user, and the log-probability of each
        (users, k, random) -> {
          Response[] items = new Response[k * users.size()];
          double[] logProbs = new double[items.length];
          for (int i = 0; i < items.length; i++) {
            double[] ofItems = logProbs(policy, users.get(i % users.size()));
            int item = draw(ofItems, random);
            items[i] = Response.of(item);
            logProbs[i] = ofItems[item];
          }
          return new Samples(users, ImmutableList.copyOf(items), LogProbs.ofFlat(k, logProbs));
        };
    P3OTrainer.Builder builder =
        P3OTrainer.builder(policy, P3OLoss.v2())
            .prompts(PromptSource.uniform(USERS))
            .sampler(sampler)
            .rewardModel(RewardModel.each((user, item) -> likes(user, item) ? 1 : 0)) // yours
            .config(TrainerConfig.builder().optimizer(OptimizerConfig.adamW(0.05)).build());
    try (P3OTrainer trainer = builder.build()) {
      trainer.train(30); // 30 times: users, pairs of items, rewards, updates
    }
    assertThat(Math.exp(logProbs(policy, USERS.get(0))[0])).isGreaterThan(0.8);

    policy.parameters().get("weights").assign(0);
    Checkpoints checkpoints = new Checkpoints(run.resolve("checkpoints"), 2); // the last two
    TrainingListener watch =
        new TrainingListener() {
          @Override
          public void onStep(StepMetrics metrics) { // all of them: docs/metrics.md
            log.info("{}: KL {} nats", metrics.step(), metrics.get("objective/kl"));
          }

          @Override
          public void onAlarm(HealthAlarm alarm) { // before a run goes bad
            log.warn(alarm.message()); // what was seen, its limit, what may help
          }
        };
    try (P3OTrainer trainer = builder.listener(watch).build()) {
      checkpoints.resume(trainer); // built as at the start: the bits of a run without a kill
      while (trainer.stepsDone() < 30) {
        trainer.step();
        checkpoints.save(trainer);
      }
    }
    double[] end = policy.parameters().get("weights").dup().data().asDouble();
    policy.parameters().get("weights").assign(0);
    try (P3OTrainer trainer = builder.build()) {
      checkpoints.resume(trainer);
      assertThat(trainer.stepsDone()).isEqualTo(30);
      assertThat(policy.parameters().get("weights").dup().data().asDouble()).containsExactly(end);
    }
    policy.close();
  }
}
