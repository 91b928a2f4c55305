package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.util.concurrent.Uninterruptibles;
import io.github.p3o.BatchShape;
import io.github.p3o.Policy;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.SameDiffPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.online.OnlineAligner.Offer;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ForwardingPolicy;
import io.github.p3o.testing.ImportanceSampledLoss;
import io.github.p3o.testing.Unmarked;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What becomes of feedback that a host's own policy cannot be trained on. */
@Timeout(120)
class OnlineFeedbackTest {

  private static final int BATCH = 6;
  private static final int KINDS = 4;
  private static final TrainerConfig CONFIG =
      Bandit.config()
          .promptsPerStep(BATCH)
          .promptsPerUpdate(BATCH)
          .ratioCheck(RatioCheck.OFF)
          .build();

  @TempDir private Path directory = Path.of("");

  /** Which of 3 offers a visitor sees, by logits of each of 4 kinds of them. */
  private static SameDiffPolicy offers(SameDiffPolicy.Feed feed) {
    SameDiff graph = SameDiff.create();
    graph
        .placeHolder("kind", DataType.DOUBLE, -1, KINDS)
        .mmul("logits", graph.var("weights", Nd4j.zeros(DataType.DOUBLE, KINDS, 3)));
    return SameDiffPolicy.ofLogits(graph, "logits", 3, feed);
  }

  /** As a host writes it, which does not look whether it knows the kind. */
  private static Map<String, INDArray> kinds(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    double[][] rows = new double[shape.sequences()][KINDS];
    for (int i = 0; i < rows.length; i++) {
      rows[i][prompts.get(i).tokens().get(0)] = 1;
    }
    return Map.of("kind", Nd4j.createFromArray(rows));
  }

  private OnlineAligner.Builder aligner(Policy policy) {
    return OnlineAligner.builder(policy, new ImportanceSampledLoss(), directory).config(CONFIG);
  }

  private static Feedback feedback(String id, int kind) {
    double logProb = Math.log(1.0 / 3);
    return Feedback.preference(
        id,
        Prompt.of(kind),
        ImmutableList.of(Response.of(0), Response.of(1)),
        ImmutableDoubleArray.of(logProb, logProb),
        0);
  }

  private static void offerBatch(OnlineAligner aligner, String name) {
    for (int i = 0; i < BATCH; i++) {
      assertThat(aligner.offer(feedback(name + i, i % KINDS))).isEqualTo(Offer.ACCEPTED);
    }
  }

  private static OnlineStatus await(OnlineAligner aligner, Predicate<OnlineStatus> condition)
      throws InterruptedException {
    while (!condition.test(aligner.status())) {
      TimeUnit.MILLISECONDS.sleep(2);
    }
    return aligner.status();
  }

  @Test
  void offer_whatTheFeedCannotTake_isRefusedWithWhatItThrew() throws Exception {
    try (SameDiffPolicy policy = offers(OnlineFeedbackTest::kinds);
        OnlineAligner aligner = aligner(policy).open()) {
      assertThatThrownBy(() -> aligner.offer(feedback("a", 9)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "feedback: expected a prompt and responses that the policy can be fed with, got"
                  + " java.lang.ArrayIndexOutOfBoundsException: Index 9 out of bounds for length 4")
          .hasCauseInstanceOf(ArrayIndexOutOfBoundsException.class);
      assertThat(aligner.status().accepted()).isZero();
      offerBatch(aligner, "b");
      assertThat(await(aligner, status -> status.steps() == 1).failure()).isNull();
    }
  }

  @Test
  void offer_closesWhatThePolicyWasFedWith() {
    List<INDArray> fed = new CopyOnWriteArrayList<>();
    try (Policy policy = new WatchedPolicy(offers(OnlineFeedbackTest::kinds), fed::add);
        OnlineAligner aligner = aligner(policy).open()) {
      assertThat(aligner.offer(feedback("a", 1))).isEqualTo(Offer.ACCEPTED);
      assertThat(fed).isNotEmpty().allMatch(INDArray::wasClosed);
    }
  }

  /** A policy that shows what it is fed with, its copies' too. */
  private static final class WatchedPolicy extends ForwardingPolicy {
    private final Consumer<INDArray> fed;

    WatchedPolicy(Policy policy, Consumer<INDArray> fed) {
      super(policy);
      this.fed = fed;
    }

    @Override
    public Policy frozenCopy() {
      return new WatchedPolicy(super.frozenCopy(), fed);
    }

    @Override
    public Map<String, INDArray> feed(
        BatchShape shape, List<Prompt> prompts, List<Response> responses) {
      Map<String, INDArray> arrays = super.feed(shape, prompts, responses);
      arrays.values().forEach(fed);
      return arrays;
    }
  }

  private static SameDiffPolicy.Feed failingOn(int kind, RuntimeException failure) {
    return (shape, prompts, responses) -> {
      if (prompts.contains(Prompt.of(kind)) && shape.sequences() > 2) { // not on an offer
        throw failure;
      }
      return kinds(shape, prompts, responses);
    };
  }

  /** Also one that passes when it is offered alone. */
  @Test
  void rollback_afterABatchThatThePolicyCannotTake_skipsItAlsoAfterARestart() throws Exception {
    SameDiffPolicy.Feed feed = failingOn(3, new IllegalStateException("no such visitor"));
    try (SameDiffPolicy policy = offers(feed);
        OnlineAligner aligner = aligner(policy).open()) {
      offerBatch(aligner, "a");
      assertThat(await(aligner, status -> status.failure() != null).failure())
          .contains("no such visitor");
      assertThat(aligner.status().trained()).isZero();
    }
    try (SameDiffPolicy policy = offers(feed);
        OnlineAligner aligner = aligner(policy).open()) {
      await(aligner, status -> status.failure() != null);
      aligner.rollback(0);
      assertThat(aligner.status().skipped()).isEqualTo(BATCH);
      for (int i = 0; i < BATCH; i++) {
        aligner.offer(feedback("b" + i, 1));
      }
      OnlineStatus status = await(aligner, now -> now.steps() == 1);
      assertThat(status.failure()).isNull();
      assertThat(status.trained()).isEqualTo(2 * BATCH);
      assertThat(status.served()).isEqualTo(1);
    }
  }

  /** What the training threw may pass, such as a lack of memory. */
  @Test
  void open_againAfterAFailureThatPassed_trainsOnTheBatch() throws Exception {
    try (SameDiffPolicy policy = offers(failingOn(3, new IllegalStateException("no memory")));
        OnlineAligner aligner = aligner(policy).open()) {
      offerBatch(aligner, "a");
      await(aligner, status -> status.failure() != null);
    }
    try (SameDiffPolicy policy = offers(OnlineFeedbackTest::kinds);
        OnlineAligner aligner = aligner(policy).open()) {
      OnlineStatus status = await(aligner, now -> now.steps() == 1);
      assertThat(status.trained()).isEqualTo(BATCH);
      assertThat(status.skipped()).isZero();
    }
  }

  @Test
  void rollback_afterAnEvaluationThatEndedTheStep_skipsNothing() throws Exception {
    try (SameDiffPolicy policy = offers(OnlineFeedbackTest::kinds);
        OnlineAligner aligner =
            aligner(policy)
                .evaluation(
                    copy -> {
                      throw new AssertionError("broken");
                    },
                    0)
                .open()) {
      offerBatch(aligner, "a");
      await(aligner, status -> status.failure() != null);
      aligner.rollback(0);
      assertThat(aligner.status().skipped()).isZero();
      assertThat(aligner.status().trained()).isEqualTo(BATCH);
    }
  }

  @Test
  void status_whileAVersionIsJudged_isThatOfTheStepBefore() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (SameDiffPolicy policy = offers(OnlineFeedbackTest::kinds);
        OnlineAligner aligner =
            aligner(policy)
                .evaluation(
                    copy -> {
                      within.countDown();
                      Uninterruptibles.awaitUninterruptibly(go);
                      return 1;
                    },
                    0)
                .open()) {
      offerBatch(aligner, "a");
      within.await();
      OnlineStatus judged = aligner.status();
      go.countDown();
      assertThat(judged.accepted()).isEqualTo(BATCH);
      assertThat(judged.trained()).isZero();
      assertThat(judged.steps()).isZero();
      OnlineStatus after = await(aligner, status -> status.trained() == BATCH);
      assertThat(after.steps()).isEqualTo(1);
      assertThat(after.served()).isEqualTo(1);
      assertThat(after.versions()).containsExactly(0L, 1L);
    }
  }

  /** The array that a feed fills again and again is not filled for two threads at once. */
  @Test
  void offer_whileTheTrainingIsFed_waits() throws Exception {
    CountDownLatch training = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    SameDiffPolicy.Feed feed =
        (shape, prompts, responses) -> {
          if (shape.sequences() > 2) {
            training.countDown();
            Uninterruptibles.awaitUninterruptibly(go);
          }
          return kinds(shape, prompts, responses);
        };
    try (SameDiffPolicy policy = offers(feed);
        OnlineAligner aligner = aligner(policy).open()) {
      offerBatch(aligner, "a");
      training.await();
      Thread offers = new Thread(() -> aligner.offer(feedback("b", 1)));
      offers.start();
      while (offers.getState() != Thread.State.BLOCKED) {
        TimeUnit.MILLISECONDS.sleep(1);
      }
      go.countDown();
      offers.join();
      assertThat(await(aligner, status -> status.steps() == 1).accepted()).isEqualTo(BATCH + 1);
    }
  }

  @Test
  void builder_settingsThatCannotBe_areRefusedByName() {
    try (SameDiffPolicy policy = offers(OnlineFeedbackTest::kinds)) {
      OnlineAligner.Builder builder = aligner(policy);
      assertThatThrownBy(
              () ->
                  OnlineAligner.builder(
                      new Unmarked<Policy>().none(), new ImportanceSampledLoss(), directory))
          .hasMessage("policy: expected a policy, got null");
      assertThatThrownBy(
              () -> OnlineAligner.builder(policy, new Unmarked<PolicyLoss>().none(), directory))
          .hasMessage("loss: expected an objective, got null");
      assertThatThrownBy(
              () ->
                  OnlineAligner.builder(
                      policy, new ImportanceSampledLoss(), new Unmarked<Path>().none()))
          .hasMessage("directory: expected a path, got null");
      assertThatThrownBy(() -> builder.config(new Unmarked<TrainerConfig>().none()))
          .hasMessage("config: expected a configuration, got null");
      assertThatThrownBy(
              () -> builder.evaluation(new Unmarked<ToDoubleFunction<Policy>>().none(), 0))
          .hasMessage("evaluation: expected a function, got null");
      assertThatThrownBy(() -> builder.evaluation(copy -> 1, Double.NaN))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("least: expected a number, got NaN");
    }
  }

  @Test
  void open_whereAFileIs_saysSoOnce() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    Path feedback = Files.createFile(directory.resolve("feedback"));
    try (SameDiffPolicy policy = offers(OnlineFeedbackTest::kinds)) {
      assertThatThrownBy(
              () -> OnlineAligner.builder(policy, new ImportanceSampledLoss(), file).open())
          .isInstanceOf(UncheckedIOException.class)
          .hasMessage(file + ": something of this name is in the way");
      assertThatThrownBy(() -> aligner(policy).open())
          .isInstanceOf(UncheckedIOException.class)
          .hasMessage(feedback + ": something of this name is in the way");
    }
  }
}
