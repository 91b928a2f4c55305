package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import com.google.common.util.concurrent.Uninterruptibles;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.internal.Ops;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.Unmarked;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What goes wrong beside the trainer stops an update before it changes anything. */
class P3OTrainerFaultsTest {

  private static double[] vector(Policy policy) {
    return policy.parameters().vector().toDoubleVector();
  }

  /** An objective whose losses are a function of s₁ − o₁, which is 0 before the first update. */
  private static PairwiseLoss ofLogRatio(Function<SDVariable, SDVariable> function) {
    return new PairwiseLoss() {
      @Override
      public String name() {
        return "test";
      }

      @Override
      public LossTerms build(PairVariables pair) {
        SDVariable difference = Ops.subtract(pair.s1(), pair.o1());
        return new LossTerms(function.apply(difference), ImmutableMap.of());
      }
    };
  }

  private static P3OTrainer.Builder trainer(Policy policy, PairwiseLoss loss) {
    return P3OTrainer.builder(policy, loss)
        .prompts(PromptSource.uniform(Bandit.CONTEXTS))
        .rewardModel(Bandit.REWARD)
        .config(Bandit.config().build());
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void step_nonFiniteReward_isRefusedByResponseAndPairAndTheStepCanBeTakenAgain(double bad) {
    boolean[] broken = {false};
    RewardModel sometimesBroken =
        (prompts, responses) -> {
          double[] rewards = Bandit.REWARD.score(prompts, responses);
          rewards[24 + 5] = broken[0] ? bad : rewards[24 + 5];
          return rewards;
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy undisturbed = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).rewardModel(sometimesBroken).build();
        P3OTrainer other = Bandit.trainer(undisturbed).build()) {
      trainer.step();
      double[] before = vector(policy);
      broken[0] = true;
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessage(
              "reward: expected finite values, got %s for response 1 of pair 29;"
                  + " the parameters are unchanged",
              bad);
      assertThat(vector(policy)).containsExactly(before);

      broken[0] = false;
      assertThat(trainer.step().step()).isEqualTo(1);
      other.train(2);
      assertThat(vector(policy)).containsExactly(vector(undisturbed));
    }
  }

  @Test
  void step_nonFiniteReferenceLogProb_isRefusedByResponseAndPair() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy reference = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).reference(reference).build()) {
      reference.parameters().update(vector -> vector.putScalar(0, Double.NaN));
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessageStartingWith(
              "reference log-probability: expected finite values, got NaN for response 0 of pair ");
      assertThat(vector(policy)).containsOnly(0);
    }
  }

  @Test
  void gradients_nonFiniteLogProb_isRefusedByResponseAndPair() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build()) {
      PairwiseBatch batch = trainer.rollout(2);
      PairwiseBatch turned = batch.select(IntStream.range(0, 24).map(g -> 23 - g).toArray());
      int context = batch.prompts().get(23).tokens().get(0);
      policy.parameters().update(vector -> vector.putScalar(4L * context, Double.NaN));
      assertThatThrownBy(() -> trainer.gradients(turned))
          .isInstanceOf(NonFiniteException.class)
          .hasMessage(
              "logProbs: expected finite values, got NaN for response 0 of pair 71;"
                  + " the parameters are unchanged");
    }
  }

  @Test
  void step_nonFiniteLoss_stopsBeforeParametersChange() {
    PairwiseLoss logOfZero = ofLogRatio(Ops::log);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, logOfZero).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessageStartingWith("loss: expected a finite value, got ")
          .hasMessageContaining("; the parameters are unchanged; the cause is pair ");
      assertThat(vector(policy)).containsOnly(0);
    }
  }

  @Test
  void step_finiteLossWithNonFiniteGradient_stopsBeforeParametersChange() {
    PairwiseLoss rootOfZero = ofLogRatio(x -> Ops.sqrt(Ops.multiply(x, x)));
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = trainer(policy, rootOfZero).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessageStartingWith("gradient: expected finite values, got norm ");
      assertThat(vector(policy)).containsOnly(0);
    }
  }

  /** The first update, of the decay alone, is fine and stays; the second is stopped. */
  @Test
  void step_nonFiniteAtALaterUpdate_keepsTheUpdatesBefore() {
    PairwiseLoss steep =
        ofLogRatio(
            x ->
                Ops.add(
                    Ops.multiply(x, 0), // the gradient
                    Ops.stopGradient(Ops.exp(Ops.multiply(Ops.multiply(x, x), 1e6)))));
    OptimizerConfig halving = OptimizerConfig.adamW(10).withWeightDecay(0.05);
    try (TabularPolicy policy = TabularPolicy.of(new double[][] {{4, 0}, {0, 4}, {2, 0}});
        P3OTrainer trainer =
            trainer(policy, steep)
                .config(Bandit.config().promptsPerUpdate(24).optimizer(halving).build())
                .build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(NonFiniteException.class)
          .hasMessageStartingWith("loss: expected a finite value, got ");
      assertThat(vector(policy)).containsExactly(2, 0, 0, 2, 1, 0);
    }
  }

  /** A part of the host's, which may not know the text that it is given. */
  private static final class Forgetful implements TrainingListener, Stateful {
    private boolean refuses;

    @Override
    public String state() {
      checkState(!refuses, "connection: expected an open one, got none");
      return "all";
    }

    @Override
    public void restore(String state) {
      checkArgument(!refuses, "state: expected none, got %s", state);
    }
  }

  /** What comes before that part is restored by then, the parameters are not. */
  @Test
  void restore_thatAPartRefuses_endsTheTrainersUseUntilOneSucceeds() {
    Forgetful part = new Forgetful();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).listener(part).build()) {
      trainer.step();
      Checkpoint live = trainer.checkpoint();
      Map<String, INDArray> tensors = new HashMap<>();
      live.tensors().forEach((name, tensor) -> tensors.put(name, tensor.dup()));
      Checkpoint saved =
          new Checkpoint(live.step(), live.settings(), live.states(), ImmutableMap.copyOf(tensors));
      PairwiseBatch batch = trainer.rollout(1);
      Gradients gradients = trainer.gradients(batch);
      trainer.train(2);
      double[] uninterrupted = vector(policy);

      part.refuses = true;
      assertThatThrownBy(trainer::checkpoint)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "listeners[0]: could not give its state: connection: expected an open one, got none");
      assertThatThrownBy(() -> trainer.restore(saved))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("listeners[0]: could not restore its state: state: expected none, got all");
      assertRefusedHalfRestored("step", trainer::step);
      assertRefusedHalfRestored("checkpoint", trainer::checkpoint);
      assertRefusedHalfRestored("rollout", () -> trainer.rollout(3));
      assertRefusedHalfRestored("gradients", () -> trainer.gradients(batch));
      assertRefusedHalfRestored("apply", () -> trainer.apply(gradients));
      gradients.close();
      assertThat(vector(policy)).containsExactly(uninterrupted);

      part.refuses = false;
      trainer.restore(saved);
      assertThat(trainer.stepsDone()).isEqualTo(1);
      trainer.train(2);
      assertThat(vector(policy)).containsExactly(uninterrupted);
      tensors.values().forEach(INDArray::close);
    }
  }

  private static void assertRefusedHalfRestored(String name, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "%s: expected a trainer that was restored as a whole, got one of which a part refused"
                + " its state; restore it again, or build a new one",
            name);
  }

  /** What would free memory that is in use. */
  @Test
  void close_whileAnotherThreadIsWithinAStep_isRefusedAndTheStepEnds() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    RewardModel waiting =
        (prompts, responses) -> {
          within.countDown();
          Uninterruptibles.awaitUninterruptibly(go);
          return Bandit.REWARD.score(prompts, responses);
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      P3OTrainer trainer = Bandit.trainer(policy).rewardModel(waiting).build();
      FutureTask<StepMetrics> step = new FutureTask<>(trainer::step);
      new Thread(step, "trains").start();
      within.await();
      try {
        assertRefusedWithinAStep("close", trainer::close);
        assertRefusedWithinAStep("step", trainer::step);
      } finally {
        go.countDown();
      }
      assertThat(step.get().step()).isZero();
      trainer.close();
      trainer.close();
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("trainer: expected an open one, got one that was closed");
      assertThatThrownBy(trainer::checkpoint).isInstanceOf(IllegalStateException.class);
    }
  }

  private static void assertRefusedWithinAStep(String name, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "%s: expected to be asked between two calls, got within step of thread trains", name);
  }

  /** A reward model that asks its trainer for what cannot be, and keeps what it is told. */
  private static final class Asking implements RewardModel, Stateful {
    private final List<String> told = new ArrayList<>();
    private Runnable question = () -> {};

    private void ask() {
      try {
        question.run();
      } catch (IllegalStateException e) {
        told.add(e.getMessage());
      }
    }

    @Override
    public double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
      ask();
      return Bandit.REWARD.score(prompts, responses);
    }

    @Override
    public String state() {
      ask();
      return "";
    }

    @Override
    public void restore(String state) {}
  }

  @Test
  void callWithinAnother_isToldWhichItCameWithin() {
    Asking reward = new Asking();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).rewardModel(reward).build()) {
      reward.question = trainer::step;
      trainer.rollout(0);
      trainer.checkpoint();
    }
    String thread = " of thread " + Thread.currentThread().getName();
    assertThat(reward.told)
        .containsExactly(
            "step: expected to be asked between two calls, got within rollout" + thread,
            "step: expected to be asked between two calls, got within checkpoint" + thread);
  }

  /** The calls of a host's own loop, within a step and after close. */
  @Test
  void rolloutGradientsAndApply_whileAStepRunsOrAfterClose_areRefusedAndChangeNothing()
      throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    TrainingListener waiting =
        new TrainingListener() {
          @Override
          public void onRollout(long step, PairwiseBatch rollout) {
            within.countDown();
            Uninterruptibles.awaitUninterruptibly(go);
          }
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy undisturbed = TabularPolicy.uniform(3, 4);
        P3OTrainer other = Bandit.trainer(undisturbed).build()) {
      P3OTrainer trainer = Bandit.trainer(policy).listener(waiting).build();
      PairwiseBatch batch = trainer.rollout(0);
      try (Gradients gradients = trainer.gradients(batch)) {
        FutureTask<StepMetrics> step = new FutureTask<>(trainer::step);
        new Thread(step, "trains").start();
        within.await();
        try {
          assertRefusedWithinAStep("rollout", () -> trainer.rollout(0));
          assertRefusedWithinAStep("gradients", () -> trainer.gradients(batch));
          assertRefusedWithinAStep("apply", () -> trainer.apply(gradients));
        } finally {
          go.countDown();
        }
        step.get();
        other.step();
        assertThat(vector(policy)).containsExactly(vector(undisturbed));
        trainer.close();
        for (ThrowingCallable call :
            ImmutableList.<ThrowingCallable>of(
                () -> trainer.rollout(0),
                () -> trainer.gradients(batch),
                () -> trainer.apply(gradients))) {
          assertThatThrownBy(call)
              .isInstanceOf(IllegalStateException.class)
              .hasMessage("trainer: expected an open one, got one that was closed");
        }
        assertThat(gradients.vector().wasClosed()).isFalse();
        assertThat(vector(policy)).containsExactly(vector(undisturbed));
      }
    }
  }

  /** Two threads in one graph would read each other's numbers. */
  @Test
  void gradients_whileAnotherThreadIsWithinACall_areRefused() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    PairSampler waiting =
        (prompts, k, random) -> {
          within.countDown();
          Uninterruptibles.awaitUninterruptibly(go);
          try (TabularPolicy uniform = TabularPolicy.uniform(3, 4)) {
            return uniform.sample(prompts, k, random);
          }
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer others = Bandit.trainer(policy).build();
        P3OTrainer trainer = Bandit.trainer(policy).sampler(waiting).build()) {
      PairwiseBatch batch = others.rollout(0);
      FutureTask<PairwiseBatch> rollout = new FutureTask<>(() -> trainer.rollout(0));
      new Thread(rollout, "draws").start();
      within.await();
      try {
        String expected =
            ": expected to be asked between two calls, got within rollout of thread draws";
        assertThatThrownBy(() -> trainer.gradients(batch)).hasMessage("gradients" + expected);
        assertThatThrownBy(() -> trainer.rollout(1)).hasMessage("rollout" + expected);
        Gradients gradients = others.gradients(batch);
        assertThatThrownBy(() -> trainer.apply(gradients))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("apply" + expected);
      } finally {
        go.countDown();
      }
      assertThat(rollout.get()).isEqualTo(batch);
    }
  }

  @Test
  void gradients_askedByAListenerWithinAStep_areGiven() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      List<Double> norms = new ArrayList<>();
      P3OTrainer[] trainer = new P3OTrainer[1];
      TrainingListener asks =
          new TrainingListener() {
            @Override
            public void onRollout(long step, PairwiseBatch rollout) {
              try (Gradients gradients = trainer[0].gradients(rollout)) {
                norms.add(gradients.vector().norm2Number().doubleValue());
              }
            }
          };
      trainer[0] = Bandit.trainer(policy).listener(asks).build();
      trainer[0].step();
      trainer[0].close();
      assertThat(norms).hasSize(1).allSatisfy(norm -> assertThat(norm).isPositive());
      assertThatThrownBy(() -> trainer[0].rollout(0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("trainer: expected an open one, got one that was closed");
    }
  }

  @Test
  void step_rewardsOfAnotherCount_areRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy).rewardModel((prompts, responses) -> new double[46]).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("rewardModel: expected 48 rewards, one for each response, got 46");
    }
  }

  /** What each part of a host's gives, in the builder or later, is named. */
  @Test
  void step_nullFromAPartOfTheHost_isRefusedByItsName() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      assertStepRefused(
          Bandit.trainer(policy)
              .prompts((count, random) -> new Unmarked<ImmutableList<Prompt>>().none()),
          "prompts: expected 24 prompts, got null");
      assertStepRefused(
          Bandit.trainer(policy).sampler((prompts, k, random) -> new Unmarked<Samples>().none()),
          "sampler: expected samples, got null");
      assertStepRefused(
          Bandit.trainer(policy)
              .sampler(
                  (prompts, k, random) ->
                      new Samples(
                          prompts,
                          new Unmarked<ImmutableList<Response>>().none(),
                          LogProbs.ofFlat(k, new double[48]))),
          "responses: expected the responses, got null");
      assertStepRefused(
          Bandit.trainer(policy)
              .rewardModel((prompts, responses) -> new Unmarked<double[]>().none()),
          "rewardModel: expected rewards, got null");
      assertStepRefused(
          Bandit.trainer(policy)
              .samplerOfCopy(copy -> copy == policy ? policy : new Unmarked<PairSampler>().none())
              .config(Bandit.config().rolloutsAhead(1).build()),
          "samplerOfCopy: expected a sampler, got null");
      assertThat(vector(policy)).containsOnly(0);
    }
  }

  private static void assertStepRefused(P3OTrainer.Builder builder, String message) {
    try (P3OTrainer trainer = builder.build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(message);
    }
  }

  @Test
  void sample_ofSeedsByASamplerThatGivesNull_isRefusedByItsName() {
    PairSampler sampler = (prompts, k, random) -> new Unmarked<Samples>().none();
    assertThatThrownBy(() -> sampler.sample(Bandit.CONTEXTS, 2, ImmutableLongArray.of(1, 2, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sampler: expected samples, got null");
  }

  @Test
  void step_samplerWithAnotherK_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .sampler((prompts, k, random) -> policy.sample(prompts, k + 1, random))
                .build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("sampler: expected 2 responses a prompt, got 3");
      assertThat(vector(policy)).containsOnly(0);
    }
  }

  @Test
  void step_samplerWithMorePromptsThanAsked_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .sampler(
                    (prompts, k, random) ->
                        policy.sample(
                            ImmutableList.<Prompt>builder()
                                .addAll(prompts)
                                .add(Prompt.of(0))
                                .build(),
                            k,
                            random))
                .build()) {
      assertThatThrownBy(trainer::step)
          .hasMessage("sampler: expected responses to 1 to 24 prompts, got 25");
    }
  }

  @Test
  void step_promptSourceWithAnotherCount_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy).prompts((count, random) -> Bandit.CONTEXTS).build()) {
      assertThatThrownBy(trainer::step).hasMessage("prompts: expected 24 prompts, got 3");
    }
  }

  @Test
  void step_promptOfNoContext_isRefusedByIndex() {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageMatching("prompts\\[\\d+]: expected one id below 2, got \\[2]");
    }
  }

  /** A sampler that is right but for one response. */
  private static PairSampler lying(TabularPolicy policy, int response, int group, double by) {
    return (prompts, k, random) -> {
      Samples samples = policy.sample(prompts, k, random);
      double[] logProbs = samples.behaviour().values().toArray();
      logProbs[response * prompts.size() + group] += by;
      return new Samples(prompts, samples.responses(), LogProbs.ofFlat(k, logProbs));
    };
  }

  @Test
  void ratioCheck_fail_namesTheResponseAndThePairAfterTheShuffle() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .config(Bandit.config().promptsPerUpdate(24).build())
                .sampler(lying(policy, 1, 5, 0.02))
                .build()) {
      assertThatThrownBy(trainer::step)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith(
              "sampler: expected the log-probability of the policy, -1.386294, for response 1 of"
                  + " pair 5, got -1.366294;");
      assertThat(vector(policy)).containsOnly(0);
    }
  }

  @Test
  void ratioCheck_fail_letsRoundingPass() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).sampler(lying(policy, 1, 5, 0.009)).build()) {
      trainer.train(3);
    }
  }

  @Test
  void ratioCheck_off_takesResponsesOfAnotherPolicy() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy other =
            TabularPolicy.of(new double[][] {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 1}});
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .config(Bandit.config().ratioCheck(RatioCheck.OFF).build())
                .sampler(other)
                .build()) {
      StepMetrics metrics = trainer.step();
      assertThat(metrics.get("policy/ratio_max")).isGreaterThan(1.2);
      trainer.train(60);
      assertThat(policy.probabilities(0)[0]).isGreaterThan(0.7);
    }
  }
}
