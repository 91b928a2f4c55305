package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.RandomStreams;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.MetricsPage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Rollouts drawn on a thread of their own, beside the updates. */
@Timeout(120)
class RolloutsAheadTest {

  private static TrainerConfig config(int ahead) {
    return Bandit.config().rolloutsAhead(ahead).build();
  }

  private static P3OTrainer.Builder trainer(Policy policy, int ahead) {
    return Bandit.trainer(policy).config(config(ahead));
  }

  private static double[] vector(Policy policy) {
    return policy.parameters().vector().toDoubleVector();
  }

  private static double[] trained(int ahead, int steps, RewardModel reward) {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, ahead).rewardModel(reward).build()) {
      trainer.train(steps);
      return vector(policy);
    }
  }

  private static List<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("p3o-rollouts"))
        .toList();
  }

  /** What a run must do, in one thread, with copies of the policy that are kept by hand. */
  private static double[] trainedByHand(int ahead, int steps) {
    TrainerConfig config = config(0);
    PromptSource prompts = PromptSource.uniform(Bandit.CONTEXTS);
    List<TabularPolicy> versions = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy reference = policy.frozenCopy();
        PolicyScorer scorer = new PolicyScorer(reference, 8);
        P3OTrainer trainer = trainer(policy, 0).build()) {
      for (int step = 0; step < steps; step++) {
        versions.add(policy.frozenCopy());
        TabularPolicy old = versions.get(Math.max(0, step - ahead));
        RandomGenerator random = RandomStreams.forStep(config.seed(), step);
        RolloutSource source = new RolloutSource(prompts, Bandit.REWARD, scorer, config);
        PairwiseBatch rollout = source.draw(step, 0, old, random).batch();
        RandomGenerator shuffles = RandomStreams.forStep(config.seed(), ~(long) step);
        for (int epoch = 0; epoch < config.epochsPerStep(); epoch++) {
          int[] order = RandomStreams.permutation(rollout.groups(), shuffles);
          for (int from = 0; from < order.length; from += config.promptsPerUpdate()) {
            int to = Math.min(from + config.promptsPerUpdate(), order.length);
            int[] groups = IntStream.range(from, to).map(i -> order[i]).toArray();
            trainer.apply(trainer.gradients(rollout.select(groups)));
          }
        }
      }
      versions.forEach(TabularPolicy::close);
      return vector(policy);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void train_ahead_equalsOneThreadWithOlderPoliciesToTheBit(int ahead) {
    assertThat(trained(ahead, 9, Bandit.REWARD)).containsExactly(trainedByHand(ahead, 9));
  }

  /** Threads that are now fast, now slow. */
  @Test
  void train_rewardModelOfAnotherSpeed_givesTheSameBits() {
    AtomicInteger calls = new AtomicInteger();
    RewardModel slowAtTimes =
        (prompts, responses) -> {
          for (int i = calls.getAndIncrement() % 3 * 200; i > 0; i--) {
            Bandit.REWARD.score(prompts, responses);
          }
          return Bandit.REWARD.score(prompts, responses);
        };
    assertThat(trained(3, 12, slowAtTimes)).containsExactly(trained(3, 12, Bandit.REWARD));
  }

  @Test
  void train_ahead_makesTheRewardedChoiceLikely() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, 2).build()) {
      trainer.train(60);
      for (int x = 0; x < 3; x++) {
        assertThat(policy.probabilities(x)[x]).isGreaterThan(0.8);
      }
    }
    assertThat(threads()).isEmpty();
  }

  @Test
  void step_ahead_isNeverStalerThanItsBoundAndNeverHoldsMore() {
    int ahead = 3;
    AtomicInteger drawn = new AtomicInteger();
    List<Integer> drawnAtRollout = new ArrayList<>();
    TrainingListener count =
        new TrainingListener() {
          @Override
          public void onRollout(long step, PairwiseBatch rollout) {
            drawnAtRollout.add(drawn.get());
            assertThat(rollout.ids().get(0)).isEqualTo(step * 24);
          }
        };
    RewardModel counting =
        (prompts, responses) -> {
          drawn.incrementAndGet();
          return Bandit.REWARD.score(prompts, responses);
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, ahead).rewardModel(counting).listener(count).build()) {
      for (int step = 0; step < 12; step++) {
        assertThat(trainer.step().get("policy/staleness")).isEqualTo(Math.min(step, ahead));
        assertThat(drawnAtRollout.get(step)).isBetween(step + 1, step + 1 + ahead);
      }
    }
  }

  @Test
  void staleness_hasARowInThePageOfMetrics() throws IOException {
    MetricsPage.assertDefines(List.of("policy/staleness"));
  }

  @Test
  void step_notAhead_measuresNoStalenessAndStartsNoThread() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, 0).build()) {
      assertThat(trainer.step().values()).doesNotContainKey("policy/staleness");
      assertThat(threads()).isEmpty();
    }
  }

  @Test
  void step_rewardModelFails_throwsWhatItThrewAndTheNextCallGoesOn() {
    AtomicInteger calls = new AtomicInteger();
    RewardModel failingOnce =
        (prompts, responses) -> {
          if (calls.getAndIncrement() == 4) {
            throw new UnsupportedOperationException("the reward server is gone");
          }
          return Bandit.REWARD.score(prompts, responses);
        };
    int failures = 0;
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, 2).rewardModel(failingOnce).build()) {
      while (trainer.stepsDone() < 8) {
        try {
          trainer.step();
        } catch (UnsupportedOperationException e) {
          failures++;
          assertThat(trainer.stepsDone()).isEqualTo(4);
          assertThat(e).hasMessage("the reward server is gone");
          assertThat(e.getSuppressed()[0]).hasMessage("while the rollout of step 4 was drawn");
        }
      }
      assertThat(failures).isEqualTo(1);
      assertThat(vector(policy)).containsExactly(trained(2, 8, Bandit.REWARD));
    }
  }

  @Test
  void step_nonFiniteReward_isAnAlarmAsInOneThread() {
    List<HealthAlarm> alarms = new ArrayList<>();
    TrainingListener keep =
        new TrainingListener() {
          @Override
          public void onAlarm(HealthAlarm alarm) {
            alarms.add(alarm);
          }
        };
    RewardModel broken = RewardModel.each((prompt, response) -> Double.NaN);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, 1).rewardModel(broken).listener(keep).build()) {
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(trainer::step)
            .isInstanceOf(NonFiniteException.class)
            .hasMessageStartingWith("reward: expected finite values, got NaN for response 0");
      }
      assertThatThrownBy(trainer::checkpoint).isInstanceOf(NonFiniteException.class);
      assertThat(alarms).hasSize(3);
      assertThat(alarms.get(0).message())
          .startsWith("NON_FINITE: reward: expected finite values, got NaN for response 0")
          .endsWith("; look at the reward, then at the learning rate");
      assertThat(vector(policy)).containsOnly(0);
    }
    assertThat(threads()).isEmpty();
  }

  @Test
  void close_rewardModelThatWaits_isInterruptedAndTheThreadEnds() throws Exception {
    CountDownLatch waiting = new CountDownLatch(1);
    AtomicInteger calls = new AtomicInteger();
    RewardModel waitingForEver =
        (prompts, responses) -> {
          if (calls.getAndIncrement() > 0) {
            waiting.countDown();
            try {
              new CountDownLatch(1).await();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
              throw new IllegalStateException(e);
            }
          }
          return Bandit.REWARD.score(prompts, responses);
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      P3OTrainer trainer = trainer(policy, 1).rewardModel(waitingForEver).build();
      trainer.step();
      waiting.await();
      trainer.close();
      assertThat(threads()).isEmpty();
      trainer.close();
      assertThatThrownBy(trainer::step).isInstanceOf(IllegalStateException.class);
      assertThat(vector(policy)).hasSize(12);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4})
  void checkpoint_withRolloutsInFlight_goesOnToTheSameBits(int before) {
    int ahead = 2;
    double[] uninterrupted = trained(ahead, 9, Bandit.REWARD);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, ahead).build();
        P3OTrainer resumed = trainer(fresh, ahead).build()) {
      trainer.train(before);
      Checkpoint live = trainer.checkpoint();
      Map<String, INDArray> tensors = new HashMap<>();
      live.tensors().forEach((name, tensor) -> tensors.put(name, tensor.dup()));
      Checkpoint checkpoint =
          new Checkpoint(live.step(), live.settings(), live.states(), ImmutableMap.copyOf(tensors));
      trainer.train(9 - before);
      assertThat(vector(policy)).containsExactly(uninterrupted);

      resumed.train(1); // what it drew is dropped
      resumed.restore(checkpoint);
      resumed.train(9 - before);
      assertThat(vector(fresh)).containsExactly(uninterrupted);

      trainer.restore(checkpoint);
      trainer.train(9 - before);
      assertThat(vector(policy)).containsExactly(uninterrupted);
      tensors.values().forEach(INDArray::close);
    }
  }

  @Test
  void restore_ofOtherThanRollouts_isRefusedByName() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, 1).build()) {
      Checkpoint live = trainer.checkpoint();
      Map<String, String> states = new HashMap<>(live.states());
      assertThat(states.put("rolloutsAhead", "[{}]")).isEqualTo("[]");
      Checkpoint altered =
          new Checkpoint(0, live.settings(), ImmutableMap.copyOf(states), live.tensors());
      assertThatThrownBy(() -> trainer.restore(altered))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("rolloutsAhead: expected rollouts, got ");
    }
  }

  @Test
  void ratioCheck_ahead_looksAtTheFirstRolloutWhichIsNotStale() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            trainer(policy, 1)
                .samplerOfCopy(
                    copy ->
                        (prompts, k, random) -> {
                          Samples right = ((TabularPolicy) copy).sample(prompts, k, random);
                          double[] wrong = right.behaviour().values().toArray();
                          Arrays.setAll(wrong, i -> wrong[i] - 0.5);
                          return new Samples(prompts, right.responses(), LogProbs.ofFlat(k, wrong));
                        })
                .build()) {
      assertThatThrownBy(trainer::step).hasMessageStartingWith("sampler: expected the log-prob");
    }
  }

  @Test
  void build_samplerOfThePolicyItself_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      P3OTrainer.Builder builder = trainer(policy, 1).sampler(policy);
      assertThatThrownBy(builder::build)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "samplerOfCopy: expected to be set for rolloutsAhead 1, got a sampler of the policy"
                  + " itself, which changes meanwhile");
      builder.samplerOfCopy(copy -> (TabularPolicy) copy).build().close();
    }
  }

  @Test
  void rollout_ahead_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, 1).build()) {
      assertThatThrownBy(() -> trainer.rollout(0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("rollout: expected rolloutsAhead 0, ");
    }
  }
}
