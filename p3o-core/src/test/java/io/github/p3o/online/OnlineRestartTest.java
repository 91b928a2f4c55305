package io.github.p3o.online;

import static io.github.p3o.online.OnlineBandit.BATCH;
import static io.github.p3o.online.OnlineBandit.aligner;
import static io.github.p3o.online.OnlineBandit.awaitSteps;
import static io.github.p3o.online.OnlineBandit.copy;
import static io.github.p3o.online.OnlineBandit.feedback;
import static io.github.p3o.online.OnlineBandit.offer;
import static io.github.p3o.online.OnlineBandit.overwriteAll;
import static io.github.p3o.online.OnlineBandit.parameters;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.TabularPolicy;
import io.github.p3o.online.OnlineAligner.Offer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What an aligner does that is opened again, whatever it finds on the disk: it goes on as if
 * nothing had happened, or says why not.
 */
@Timeout(120)
class OnlineRestartTest {

  @TempDir private Path directory = Path.of("");

  private final TabularPolicy policy = TabularPolicy.uniform(3, 4);

  @AfterEach
  void close() {
    policy.close();
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
}
