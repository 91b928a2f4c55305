package io.github.p3o.online;

import static io.github.p3o.online.OnlineBandit.BATCH;
import static io.github.p3o.online.OnlineBandit.aligner;
import static io.github.p3o.online.OnlineBandit.await;
import static io.github.p3o.online.OnlineBandit.awaitSteps;
import static io.github.p3o.online.OnlineBandit.copy;
import static io.github.p3o.online.OnlineBandit.feedback;
import static io.github.p3o.online.OnlineBandit.offer;
import static io.github.p3o.online.OnlineBandit.overwriteAll;
import static io.github.p3o.online.OnlineBandit.parameters;
import static io.github.p3o.online.OnlineBandit.refusal;
import static io.github.p3o.online.OnlineBandit.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.Uninterruptibles;
import io.github.p3o.TabularPolicy;
import io.github.p3o.online.OnlineAligner.Offer;
import io.github.p3o.testing.CountedPolicy;
import io.github.p3o.transformer.CheckpointException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What fails, in training or on the disk, stops what it must and is named; serving goes on. */
@Timeout(120)
class OnlineFaultsTest {

  @TempDir private Path directory = Path.of("");

  private final TabularPolicy policy = TabularPolicy.uniform(3, 4);

  @AfterEach
  void close() {
    policy.close();
  }

  @Test
  void step_throwsWhatNobodyCatches_refusesOffersAndRollbacksWithTheReason() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    String reason =
        "aligner: expected an open one, got one whose training ended: java.lang.Throwable: no"
            + " judge";
    try (OnlineAligner aligner =
        aligner(policy, directory)
            .evaluation(
                copy -> {
                  within.countDown();
                  Uninterruptibles.awaitUninterruptibly(go);
                  return OnlineBandit.<RuntimeException>throwUnchecked(new Throwable("no judge"));
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
}
