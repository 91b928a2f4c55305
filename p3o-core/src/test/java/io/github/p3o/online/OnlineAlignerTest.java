package io.github.p3o.online;

import static io.github.p3o.online.OnlineBandit.BATCH;
import static io.github.p3o.online.OnlineBandit.aligner;
import static io.github.p3o.online.OnlineBandit.awaitSteps;
import static io.github.p3o.online.OnlineBandit.config;
import static io.github.p3o.online.OnlineBandit.feedback;
import static io.github.p3o.online.OnlineBandit.offer;
import static io.github.p3o.online.OnlineBandit.parameters;
import static io.github.p3o.online.OnlineBandit.refusal;
import static io.github.p3o.online.OnlineBandit.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.util.concurrent.Uninterruptibles;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.online.OnlineAligner.Offer;
import io.github.p3o.testing.Bandit;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What users like is served more often, within the limits that were set. */
@Timeout(120)
class OnlineAlignerTest {

  @TempDir private Path directory = Path.of("");

  private final TabularPolicy policy = TabularPolicy.uniform(3, 4);

  @AfterEach
  void close() {
    policy.close();
  }

  @Test
  void offer_likedChoices_areServedMoreOften() throws Exception {
    try (OnlineAligner aligner = aligner(policy, directory).open()) {
      SplittableRandom random = new SplittableRandom(1);
      for (int i = 0; i < 40 * BATCH; i++) {
        Prompt prompt = Prompt.of(i % 3);
        Samples samples =
            aligner.serve(
                served ->
                    ((TabularPolicy) served.policy()).sample(ImmutableList.of(prompt), 2, random));
        ImmutableList<Response> responses = samples.responses();
        double[] rewards = Bandit.REWARD.score(ImmutableList.of(prompt, prompt), responses);
        Feedback feedback =
            new Feedback(
                "" + i,
                prompt,
                responses,
                samples.behaviour().values(),
                ImmutableDoubleArray.copyOf(rewards));
        assertThat(aligner.offer(feedback)).isEqualTo(Offer.ACCEPTED);
        if ((i + 1) % BATCH == 0) {
          awaitSteps(aligner, (i + 1) / BATCH);
        }
      }
      for (int context = 0; context < 3; context++) {
        int liked = context;
        double likely =
            aligner.serve(served -> ((TabularPolicy) served.policy()).probabilities(liked)[liked]);
        assertThat(likely).isGreaterThan(0.6);
      }
      OnlineStatus status = aligner.status();
      assertThat(status.served()).isEqualTo(40);
      assertThat(status.versions()).containsExactly(36L, 37L, 38L, 39L, 40L);
      assertThat(status.trained()).isEqualTo(40L * BATCH);
    }
  }

  @Test
  void offer_moreThanMayWait_isFullAndKeepsNothing() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (OnlineAligner aligner =
        aligner(policy, directory)
            .capacity(BATCH)
            .evaluation(
                candidate -> {
                  within.countDown();
                  Uninterruptibles.awaitUninterruptibly(go);
                  return 1;
                },
                0)
            .open()) {
      offer(aligner, 0, BATCH);
      within.await();
      offer(aligner, BATCH, 2 * BATCH);
      assertThat(aligner.offer(feedback(99))).isEqualTo(Offer.FULL);
      assertThat(aligner.status().accepted()).isEqualTo(2 * BATCH);
      go.countDown();
      awaitSteps(aligner, 2);
      assertThat(aligner.offer(feedback(99))).isEqualTo(Offer.ACCEPTED);
    }
  }

  @Test
  void gate_farFromTheReferenceOrPoorOrBroken_keepsTheVersionThatIsServed() throws Exception {
    try (OnlineAligner aligner = aligner(policy, directory.resolve("kl")).maxKl(1e-9).open()) {
      offer(aligner, 0, BATCH);
      OnlineStatus status = awaitSteps(aligner, 1);
      assertThat(status.lastRefusal()).startsWith("KL to the reference: expected at most 1.0E-9");
      assertThat(status.served()).isZero();
      assertThat(parameters(aligner)).containsOnly(0);
    }
    try (TabularPolicy other = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner =
            aligner(other, directory.resolve("poor")).evaluation(copy -> 0.25, 0.5).open()) {
      offer(aligner, 0, 2 * BATCH);
      OnlineStatus status = awaitSteps(aligner, 2);
      assertThat(status.lastRefusal()).isEqualTo("evaluation: expected at least 0.5, got 0.25");
      assertThat(status.refused()).isEqualTo(2);
      assertThat(parameters(aligner)).containsOnly(0);
    }
    try (TabularPolicy other = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner =
            aligner(other, directory.resolve("broken"))
                .evaluation(
                    copy ->
                        OnlineBandit.<RuntimeException>throwUnchecked(new Exception("no judge")),
                    0)
                .open()) {
      offer(aligner, 0, BATCH);
      assertThat(awaitSteps(aligner, 1).lastRefusal()).contains("no judge");
      assertThat(aligner.status().failure()).isNull();
    }
  }

  @Test
  void offer_numbersThatStopTraining_areRefusedByName() {
    double[] zeros = {0, 0};
    double[] most = {1e-3, -1e15};
    try (OnlineAligner aligner = aligner(policy, directory).open()) {
      for (double wrong : new double[] {0.002, 1e300, -1e16, -1e308}) {
        assertThatThrownBy(() -> aligner.offer(with(feedback(0), new double[] {0, wrong}, zeros)))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("logProbs[1]: expected a number from -1.0E15 to 0.001, got " + wrong);
      }
      for (double wrong : new double[] {1e16, -1e308}) {
        assertThatThrownBy(() -> aligner.offer(with(feedback(0), zeros, new double[] {wrong, 0})))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("rewards[0]: expected a number from -1.0E15 to 1.0E15, got " + wrong);
      }
      assertThat(aligner.status().accepted()).isZero();
      assertThat(aligner.offer(with(feedback(0), most, new double[] {1e15, -1e15})))
          .isEqualTo(Offer.ACCEPTED);
    }
  }

  @Test
  void offer_whatThePolicyDoesNotKnow_isRefused() {
    try (OnlineAligner aligner = aligner(policy, directory).open()) {
      ImmutableDoubleArray zeros = ImmutableDoubleArray.of(0, 0);
      ImmutableList<Response> responses = ImmutableList.of(Response.of(1), Response.of(4));
      assertThatThrownBy(
              () -> aligner.offer(new Feedback("a", Prompt.of(0), responses, zeros, zeros)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("responses[1]: ");
      assertThat(aligner.status().accepted()).isZero();
    }
  }

  @Test
  void open_otherSettingsOrTwice_areRefused() {
    try (TabularPolicy other = TabularPolicy.of(new double[][] {{1, 0}, {0, 0}, {0, 0}});
        OnlineAligner aligner = aligner(policy, directory).open()) {
      assertThatThrownBy(() -> aligner(other, directory).open())
          .isInstanceOf(IllegalStateException.class);
      assertThat(aligner.status().served()).isZero();
    }
    try (TabularPolicy other = TabularPolicy.uniform(3, 4)) {
      assertThatThrownBy(() -> aligner(other, directory).config(config().seed(8).build()).open())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("seed: expected 7 as in the checkpoint, got 8");
      assertThatThrownBy(() -> aligner(other, directory).config(Bandit.config().build()).open())
          .hasMessageStartingWith("ratioCheck: expected OFF");
      assertThatThrownBy(() -> aligner(other, directory).capacity(3).open())
          .hasMessage("capacity: expected at least promptsPerStep 24, got 3");
    }
  }

  /** Each would wait for itself. */
  @Test
  void rollbackAndClose_withinServeOrTheEvaluation_areRefused() throws Exception {
    OnlineAligner[] self = new OnlineAligner[1];
    List<String> refusals = new CopyOnWriteArrayList<>();
    try (OnlineAligner aligner =
        aligner(policy, directory)
            .evaluation(
                copy -> {
                  refusals.add(refusal(() -> self[0].rollback(0)));
                  refusals.add(refusal(() -> self[0].close()));
                  return 1;
                },
                0)
            .open()) {
      self[0] = aligner;
      refusals.add(refusal(() -> aligner.serve(version -> rollBack(aligner))));
      offer(aligner, 0, BATCH);
      assertThat(awaitSteps(aligner, 1).served()).isEqualTo(1);
      assertThat(refusals)
          .hasSize(3)
          .allMatch(says -> says.contains(": expected outside of serve and of the evaluation"));
    }
  }

  private static String rollBack(OnlineAligner aligner) {
    aligner.rollback(0);
    return "done";
  }

  @Test
  void use_afterClose_isRefused() {
    OnlineAligner aligner = aligner(policy, directory).open();
    aligner.close();
    aligner.close();
    for (ThrowingCallable call :
        List.<ThrowingCallable>of(
            () -> aligner.offer(feedback(0)),
            () -> parameters(aligner),
            () -> aligner.rollback(0))) {
      assertThatThrownBy(call)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("aligner: expected an open one, got a closed one");
    }
  }
}
