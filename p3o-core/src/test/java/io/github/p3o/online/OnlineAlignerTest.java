package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.util.concurrent.Uninterruptibles;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.online.OnlineAligner.Offer;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.CountedPolicy;
import io.github.p3o.testing.ImportanceSampledLoss;
import io.github.p3o.transformer.CheckpointException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A service of three contexts, whose users like the choice with the number of the context. */
@Timeout(120)
class OnlineAlignerTest {

  private static final int BATCH = 24;

  @TempDir private Path directory = Path.of("");

  private final TabularPolicy policy = TabularPolicy.uniform(3, 4);

  @AfterEach
  void close() {
    policy.close();
  }

  private static TrainerConfig.Builder config() {
    return Bandit.config().ratioCheck(RatioCheck.OFF);
  }

  private static OnlineAligner.Builder aligner(Policy policy, Path directory) {
    return OnlineAligner.builder(policy, new ImportanceSampledLoss(), directory)
        .config(config().build());
  }

  /** Feedback to what a policy that never learns serves, so that it is the same in every run. */
  private static Feedback feedback(int i) {
    SplittableRandom random = new SplittableRandom(i);
    Prompt prompt = Prompt.of(i % 3);
    ImmutableList<Response> responses =
        ImmutableList.of(Response.of(random.nextInt(4)), Response.of(random.nextInt(4)));
    return new Feedback(
        "f" + i,
        prompt,
        responses,
        ImmutableDoubleArray.of(Math.log(0.25), Math.log(0.25)),
        ImmutableDoubleArray.copyOf(
            Bandit.REWARD.score(ImmutableList.of(prompt, prompt), responses)));
  }

  private static void offer(OnlineAligner aligner, int from, int to) {
    for (int i = from; i < to; i++) {
      assertThat(aligner.offer(feedback(i))).isEqualTo(Offer.ACCEPTED);
    }
  }

  private static OnlineStatus await(OnlineAligner aligner, Predicate<OnlineStatus> condition)
      throws InterruptedException {
    while (!condition.test(aligner.status())) {
      TimeUnit.MILLISECONDS.sleep(2);
    }
    return aligner.status();
  }

  private static OnlineStatus awaitSteps(OnlineAligner aligner, long steps)
      throws InterruptedException {
    return await(aligner, status -> status.steps() >= steps);
  }

  private static double[] parameters(OnlineAligner aligner) {
    return aligner.serve(served -> served.policy().parameters().vector().toDoubleVector());
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
  void open_again_goesOnWithTheFeedbackThatWaitedToTheSameBits() throws Exception {
    double[] uninterrupted;
    Path whole = directory.resolve("whole");
    try (TabularPolicy other = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(other, whole).open()) {
      offer(aligner, 0, 5 * BATCH);
      awaitSteps(aligner, 5);
      uninterrupted = parameters(aligner);
    }
    Path parts = directory.resolve("parts");
    for (int part = 0; part < 5; part++) {
      try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
          OnlineAligner aligner = aligner(fresh, parts).open()) {
        assertThat(aligner.status().accepted()).isEqualTo((long) part * BATCH);
        offer(aligner, part * BATCH, (part + 1) * BATCH); // closed before, while or after it trains
      }
    }
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, parts).open()) {
      OnlineStatus status = awaitSteps(aligner, 5);
      assertThat(status.trained()).isEqualTo(5 * BATCH);
      assertThat(parameters(aligner)).containsExactly(uninterrupted);
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
                    copy -> OnlineAlignerTest.<RuntimeException>fail(new Exception("no judge")), 0)
                .open()) {
      offer(aligner, 0, BATCH);
      assertThat(awaitSteps(aligner, 1).lastRefusal()).contains("no judge");
      assertThat(aligner.status().failure()).isNull();
    }
  }

  @Test
  void rollback_toAnEarlierVersion_servesItsBitsAlsoAfterARestart() throws Exception {
    double[] second;
    try (OnlineAligner aligner = aligner(policy, directory).open()) {
      offer(aligner, 0, 2 * BATCH);
      awaitSteps(aligner, 2);
      second = parameters(aligner);
      offer(aligner, 2 * BATCH, 4 * BATCH);
      awaitSteps(aligner, 4);
      assertThat(parameters(aligner)).isNotEqualTo(second);
      assertThatThrownBy(() -> aligner.rollback(9))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("version: expected one of [0, 1, 2, 3, 4], got 9");
      aligner.rollback(2);
      assertThat(parameters(aligner)).containsExactly(second);
      assertThat(aligner.status().served()).isEqualTo(2);
      assertThat(aligner.status().trained()).isEqualTo(4 * BATCH);
    }
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).open()) {
      assertThat(parameters(aligner)).containsExactly(second);
      assertThat(aligner.status().served()).isEqualTo(2);
      assertThat(aligner.<Long>serve(ServedVersion::number)).isEqualTo(2);
      assertThat(aligner.status().trained()).isEqualTo(4 * BATCH);
      offer(aligner, 4 * BATCH, 5 * BATCH);
      OnlineStatus status = awaitSteps(aligner, 5);
      assertThat(status.served()).isEqualTo(5);
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  /**
   * What is on the disk if the process dies between the two: a version without a checkpoint that
   * knows of it. The judge is of another mind when the step is taken again.
   */
  @Test
  void rollback_toAVersionThatDiedBeforeItsCheckpoint_isRefusedAndChangesNothing()
      throws Exception {
    Path crashed = Files.createDirectory(directory.resolve("crashed"));
    Path before = directory.resolve("before");
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, crashed).open()) {
      offer(aligner, 0, BATCH);
      awaitSteps(aligner, 1);
    }
    copy(crashed.resolve("checkpoints"), before);
    double[] second;
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, crashed).open()) {
      offer(aligner, BATCH, 2 * BATCH);
      awaitSteps(aligner, 2);
      second = parameters(aligner);
    }
    Files.move(crashed.resolve("checkpoints"), directory.resolve("lost"));
    Files.move(before, crashed.resolve("checkpoints"));
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, crashed).evaluation(copy -> 0, 1).open()) {
      OnlineStatus status = awaitSteps(aligner, 2);
      assertThat(status.refused()).isEqualTo(1);
      assertThat(status.versions()).containsExactly(0L, 1L);
      assertThat(crashed.resolve("versions/000002")).exists();
      assertThatThrownBy(() -> aligner.rollback(2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("version: expected one of [0, 1], got 2");
      assertThat(aligner.status().served()).isEqualTo(1);
    }
    try (OnlineAligner aligner = aligner(policy, crashed).open()) {
      assertThat(policy.parameters().vector().toDoubleVector()).containsExactly(second);
      offer(aligner, 2 * BATCH, 3 * BATCH);
      OnlineStatus status = awaitSteps(aligner, 3);
      assertThat(status.served()).isEqualTo(2);
      assertThat(status.versions()).containsExactly(0L, 1L, 2L);
      aligner.rollback(1);
      aligner.rollback(2);
      assertThat(parameters(aligner)).isNotEqualTo(second);
    }
  }

  /** Two versions are kept, and the oldest is served, until the third step of another process. */
  private double[] servedThirdAfterARollbackToTheFirst(Path before) throws Exception {
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).versionsKept(2).open()) {
      offer(aligner, 0, 2 * BATCH);
      awaitSteps(aligner, 2);
      aligner.rollback(1);
    }
    copy(directory.resolve("checkpoints"), before);
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).versionsKept(2).open()) {
      offer(aligner, 2 * BATCH, 3 * BATCH);
      OnlineStatus status = awaitSteps(aligner, 3);
      assertThat(status.served()).isEqualTo(3);
      return parameters(aligner);
    }
  }

  private void opensAndTakesTheThirdStepAgain(double[] third) throws Exception {
    try (OnlineAligner aligner = aligner(policy, directory).versionsKept(2).open()) {
      assertThat(awaitSteps(aligner, 3).served()).isEqualTo(3);
      assertThat(parameters(aligner)).containsExactly(third);
      offer(aligner, 3 * BATCH, 5 * BATCH);
      assertThat(awaitSteps(aligner, 5).versions()).containsExactly(4L, 5L);
    }
  }

  /** A version deleted before the checkpoint that no longer needs it would be missed. */
  @Test
  void open_afterARollbackAndADeathBeforeTheCheckpoint_findsTheVersionThatWasServed()
      throws Exception {
    Path before = directory.resolve("before");
    double[] third = servedThirdAfterARollbackToTheFirst(before);
    Files.move(directory.resolve("checkpoints"), directory.resolve("lost"));
    Files.move(before, directory.resolve("checkpoints"));
    opensAndTakesTheThirdStepAgain(third);
  }

  @Test
  void open_afterARollbackAndAnAlteredCheckpoint_findsTheVersionThatTheOneBeforeServes()
      throws Exception {
    double[] third = servedThirdAfterARollbackToTheFirst(directory.resolve("before"));
    try (Stream<Path> checkpoints = Files.list(directory.resolve("checkpoints"))) {
      overwriteAll(checkpoints.max(Comparator.naturalOrder()).orElseThrow());
    }
    opensAndTakesTheThirdStepAgain(third);
  }

  /** As a host in another language may, whose compiler does not look for checked exceptions. */
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <E extends Throwable> double throwUnchecked(Throwable e) throws E {
    throw (E) e;
  }

  @Test
  void step_throwsWhatNobodyCatches_refusesOffersAndRollbacksWithTheReason() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    String reason =
        "aligner: expected an open one, got one whose training ended: java.io.IOException: no"
            + " judge";
    try (OnlineAligner aligner =
        aligner(policy, directory)
            .evaluation(
                copy -> {
                  within.countDown();
                  Uninterruptibles.awaitUninterruptibly(go);
                  return OnlineAlignerTest.<RuntimeException>throwUnchecked(
                      new IOException("no judge"));
                },
                0)
            .open()) {
      offer(aligner, 0, BATCH);
      within.await();
      CompletableFuture<String> waits = new CompletableFuture<>();
      Thread thread = new Thread(() -> waits.complete(refusal(() -> aligner.rollback(0))));
      thread.start();
      while (thread.getState() != Thread.State.WAITING) {
        TimeUnit.MILLISECONDS.sleep(1);
      }
      go.countDown();
      assertThat(waits.get(20, TimeUnit.SECONDS)).isEqualTo(reason);
      assertThat(await(aligner, now -> now.failure() != null).failure()).contains("no judge");
      assertThatThrownBy(() -> aligner.offer(feedback(BATCH)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(reason);
      assertThat(refusal(() -> aligner.rollback(0))).isEqualTo(reason);
      assertThat(parameters(aligner)).containsOnly(0); // serving goes on
    }
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).open()) {
      assertThat(awaitSteps(aligner, 1).served()).isEqualTo(1);
    }
  }

  private static Feedback with(Feedback feedback, double[] logProbs, double[] rewards) {
    return new Feedback(
        feedback.id(),
        feedback.prompt(),
        feedback.responses(),
        ImmutableDoubleArray.copyOf(logProbs),
        ImmutableDoubleArray.copyOf(rewards));
  }

  /** As a journal may have it that was written before {@code offer} refused it. */
  @Test
  void rollback_afterFeedbackThatIsNotFinite_skipsItsBatchAndSaysSo() throws Exception {
    double[] without;
    try (TabularPolicy other = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(other, directory.resolve("without")).open()) {
      offer(aligner, BATCH, 2 * BATCH);
      awaitSteps(aligner, 1);
      without = parameters(aligner);
    }
    try (Journal journal = Journal.open(directory.resolve("feedback"))) {
      for (int i = 0; i < BATCH; i++) {
        double[] rewards = i == 5 ? new double[] {1e308, -1e308} : new double[] {0, 1};
        double[] logProbs = {Math.log(0.25), Math.log(0.25)};
        journal.append(with(feedback(i), logProbs, rewards), Long.MAX_VALUE);
      }
    }
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).open()) {
      OnlineStatus status = await(aligner, now -> now.failure() != null);
      assertThat(status.failure()).contains("NonFiniteException").contains("pair 5");
      assertThat(status.trained()).isZero();
      offer(aligner, BATCH, 2 * BATCH);
      assertThatThrownBy(() -> aligner.rollback(1)).hasMessageStartingWith("version: ");
      assertThat(aligner.status().trained()).isZero();
      aligner.rollback(0);
      status = awaitSteps(aligner, 1);
      assertThat(status.failure()).isNull();
      assertThat(status.trained()).isEqualTo(2 * BATCH);
      assertThat(status.skipped()).isEqualTo(BATCH);
      assertThat(parameters(aligner)).containsExactly(without);
    }
    try (OnlineAligner aligner = aligner(policy, directory).open()) {
      assertThat(aligner.status().trained()).isEqualTo(2 * BATCH);
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
  void step_fails_stopsTrainingAndSaysSoAndRollbackGoesOn() throws Exception {
    boolean[] poison = {true};
    try (OnlineAligner aligner =
        aligner(policy, directory)
            .evaluation(
                copy -> {
                  if (poison[0]) {
                    throw new AssertionError("broken");
                  }
                  return 1;
                },
                0)
            .open()) {
      offer(aligner, 0, BATCH);
      OnlineStatus status = await(aligner, now -> now.failure() != null);
      assertThat(status.failure()).contains("broken");
      assertThat(parameters(aligner)).containsOnly(0);
      assertThat(aligner.offer(feedback(BATCH))).isEqualTo(Offer.ACCEPTED);
      poison[0] = false;
      aligner.rollback(0);
      offer(aligner, BATCH + 1, 2 * BATCH);
      await(aligner, now -> now.served() > 0);
      assertThat(aligner.status().failure()).isNull();
    }
  }

  @Test
  void offer_again_isKeptAndTrainedOnOnceAlsoAfterARestart() throws Exception {
    double[] once;
    try (TabularPolicy other = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(other, directory.resolve("once")).open()) {
      offer(aligner, 0, 2 * BATCH);
      awaitSteps(aligner, 2);
      once = parameters(aligner);
    }
    Path again = directory.resolve("again");
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, again).open()) {
      offer(aligner, 0, BATCH);
      awaitSteps(aligner, 1);
    }
    try (OnlineAligner aligner = aligner(policy, again).open()) {
      for (int i = 0; i < BATCH; i++) {
        assertThat(aligner.offer(feedback(i))).isEqualTo(Offer.REPEATED);
      }
      offer(aligner, BATCH, 2 * BATCH);
      awaitSteps(aligner, 2);
      assertThat(parameters(aligner)).containsExactly(once);
      assertThat(aligner.status().accepted()).isEqualTo(2 * BATCH);
    }
  }

  private long journalFiles() throws IOException {
    try (Stream<Path> files = Files.list(directory.resolve("feedback"))) {
      return files.filter(file -> file.toString().endsWith(".journal")).count();
    }
  }

  /** Files of some 8 records: 45 of them would be written. */
  @Test
  void journal_ofWhatWasTrainedOn_isDeletedAndTrainingGoesOnAfterARestart() throws Exception {
    double[] uninterrupted;
    try (TabularPolicy other = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(other, directory.resolve("whole")).open()) {
      offer(aligner, 0, 15 * BATCH);
      awaitSteps(aligner, 15);
      uninterrupted = parameters(aligner);
    }
    for (int part = 0; part < 5; part++) {
      try (TabularPolicy fresh = TabularPolicy.uniform(3, 4)) {
        OnlineAligner.Builder builder = aligner(fresh, directory);
        builder.journalFileBytes = 1000;
        try (OnlineAligner aligner = builder.open()) {
          for (int batch = 3 * part; batch < 3 * part + 3; batch++) {
            offer(aligner, batch * BATCH, (batch + 1) * BATCH);
            awaitSteps(aligner, batch + 1);
          }
          assertThat(aligner.status().accepted()).isEqualTo(3L * (part + 1) * BATCH);
          if (part == 4) {
            assertThat(parameters(aligner)).containsExactly(uninterrupted);
          }
        }
      }
      assertThat(journalFiles()).isBetween(2L, 15L);
    }
  }

  @Test
  void open_journalWithoutWhatComesNext_isRefused() throws Exception {
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).open()) {
      offer(aligner, 0, BATCH);
      awaitSteps(aligner, 1);
    }
    try (Stream<Path> files = Files.list(directory.resolve("feedback"))) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    assertThatThrownBy(() -> aligner(policy, directory).open())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("journal: expected the 24 records that were trained on, got 0");
  }

  /** The policy that is handed in is trained: it must be what it was, not what it became. */
  @Test
  void open_withAnotherPolicyThanAtFirst_isRefusedByTheNameOfTheParameter() throws Exception {
    try (TabularPolicy trained = TabularPolicy.uniform(3, 4);
        TabularPolicy fresh = TabularPolicy.uniform(3, 4)) {
      try (OnlineAligner aligner = aligner(trained, directory).open()) {
        offer(aligner, 0, BATCH);
        awaitSteps(aligner, 1);
      }
      assertThatThrownBy(() -> aligner(trained, directory).open())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageMatching(
              "policy: expected the parameters with which the directory was first used,"
                  + " DOUBLE\\[12]:\\w+, whatever was trained since, got DOUBLE\\[12]:\\w+");
      aligner(fresh, directory).open().close();
    }
  }

  /** Each copy fails in its turn, or the disk once all are made. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void open_thatFails_closesEveryCopyAndLetsTheDirectoryGo(int failing) throws Exception {
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).open()) {
      offer(aligner, 0, BATCH);
      awaitSteps(aligner, 1);
    }
    Path kept = directory.resolve("kept");
    copy(directory.resolve("checkpoints"), kept);
    CountedPolicy counted =
        CountedPolicy.of(
            policy,
            copy -> {
              if (copy == failing) {
                throw new IllegalStateException("no memory");
              }
              if (copy == 3) { // of the version that is served
                overwriteAll(directory.resolve("checkpoints"));
              }
            });
    assertThatThrownBy(() -> aligner(counted, directory).open())
        .hasMessageContaining(failing < 4 ? "no memory" : "expected one that is sound");
    assertThat(counted.openCopies()).isZero();
    if (failing == 4) {
      Files.move(directory.resolve("checkpoints"), directory.resolve("altered"));
      Files.move(kept, directory.resolve("checkpoints"));
    }
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, directory).open()) {
      assertThat(aligner.status().served()).isEqualTo(1);
    }
  }

  private static void overwriteAll(Path checkpoints) {
    try (Stream<Path> files = Files.walk(checkpoints)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.writeString(file, "altered");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void offer_onAFullDisk_isNotAcceptedAndServingAndTrainingGoOn() throws Exception {
    FaultyDisk disk = new FaultyDisk();
    OnlineAligner.Builder builder = aligner(policy, directory);
    builder.disk = disk::open;
    try (OnlineAligner aligner = builder.open()) {
      offer(aligner, 0, BATCH - 1);
      disk.fault = FaultyDisk.Fault.FULL;
      assertThatThrownBy(() -> aligner.offer(feedback(BATCH - 1)))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageEndingWith(".journal: No space left on device");
      assertThat(aligner.status().accepted()).isEqualTo(BATCH - 1);
      assertThat(parameters(aligner)).containsOnly(0);
      disk.fault = FaultyDisk.Fault.NONE;
      offer(aligner, BATCH - 1, BATCH);
      assertThat(awaitSteps(aligner, 1).served()).isEqualTo(1);
    }
  }

  /** What a full disk, or one that fails, does to the version that was just trained. */
  @Test
  void step_versionThatCanNotBeSaved_isNotServedAndTrainedAgainAfterARestart() throws Exception {
    double[] undisturbed;
    try (TabularPolicy other = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(other, directory.resolve("whole")).open()) {
      offer(aligner, 0, 2 * BATCH);
      awaitSteps(aligner, 2);
      undisturbed = parameters(aligner);
    }
    Path faulty = directory.resolve("faulty");
    Path inTheWay = faulty.resolve("versions/000002");
    try (TabularPolicy fresh = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = aligner(fresh, faulty).open()) {
      offer(aligner, 0, BATCH);
      awaitSteps(aligner, 1);
      double[] first = parameters(aligner);
      Files.createFile(inTheWay);
      offer(aligner, BATCH, 2 * BATCH);
      OnlineStatus status = await(aligner, now -> now.failure() != null);
      assertThat(status.failure()).contains("000002");
      assertThat(status.served()).isEqualTo(1);
      assertThat(parameters(aligner)).containsExactly(first);
      assertThat(aligner.offer(feedback(2 * BATCH))).isEqualTo(Offer.ACCEPTED);
    }
    Files.delete(inTheWay);
    try (OnlineAligner aligner = aligner(policy, faulty).open()) {
      assertThat(awaitSteps(aligner, 2).served()).isEqualTo(2);
      assertThat(parameters(aligner)).containsExactly(undisturbed);
    }
  }

  /** The trained policy is that version by then, and the served one is not. */
  @Test
  void rollback_thatCanNotBeSaved_stopsTrainingUntilItCan() throws Exception {
    Path checkpoints = directory.resolve("checkpoints");
    Path aside = directory.resolve("aside");
    try (OnlineAligner aligner = aligner(policy, directory).open()) {
      offer(aligner, 0, 2 * BATCH);
      awaitSteps(aligner, 2);
      double[] second = parameters(aligner);
      Files.move(checkpoints, aside);
      Files.createFile(checkpoints);
      assertThatThrownBy(() -> aligner.rollback(1)).isInstanceOf(CheckpointException.class);
      offer(aligner, 2 * BATCH, 3 * BATCH);
      assertThatThrownBy(() -> aligner.rollback(1)).isInstanceOf(CheckpointException.class);
      OnlineStatus status = aligner.status();
      assertThat(status.failure()).startsWith("rollback to version 1: ");
      assertThat(status.steps()).isEqualTo(2);
      assertThat(status.served()).isEqualTo(2);
      assertThat(parameters(aligner)).containsExactly(second);

      Files.delete(checkpoints);
      Files.move(aside, checkpoints);
      aligner.rollback(1);
      assertThat(aligner.status().failure()).isNull();
      awaitSteps(aligner, 3);
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

  /** What Java's compiler would not let a lambda throw; Kotlin's and Scala's do. */
  @SuppressWarnings("unchecked")
  private static <E extends Exception> double fail(Exception exception) throws E {
    throw (E) exception;
  }

  private static String refusal(ThrowingCallable call) {
    return String.valueOf(catchThrowable(call).getMessage());
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

  @Test
  void feedback_partsThatDoNotFit_areRefusedByName() {
    ImmutableList<Response> two = ImmutableList.of(Response.of(0), Response.of(1));
    ImmutableDoubleArray zeros = ImmutableDoubleArray.of(0, 0);
    assertThat(Feedback.preference("a", Prompt.of(0), two, zeros, 1).rewards())
        .isEqualTo(ImmutableDoubleArray.of(0, 1));
    assertThatThrownBy(() -> Feedback.preference("a", Prompt.of(0), two, zeros, 2))
        .hasMessage("preferred: expected 0 or 1, got 2");
    assertThatThrownBy(
            () ->
                new Feedback("a", Prompt.of(0), two, ImmutableDoubleArray.of(0, Double.NaN), zeros))
        .hasMessage("logProbs[1]: expected a finite number, got NaN");
    assertThatThrownBy(
            () -> new Feedback("a", Prompt.of(0), two, zeros, ImmutableDoubleArray.of(1)))
        .hasMessageStartingWith("rewards: expected 2, as many as responses, got ");
    assertThatThrownBy(() -> new Feedback("", Prompt.of(0), two, zeros, zeros))
        .hasMessage("id: expected 1 to 200 characters, got 0");
  }
}
