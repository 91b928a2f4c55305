package io.github.p3o.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainingListener;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.LockingProcess;
import io.github.p3o.train.SmallTraining.Kind;
import io.github.p3o.transformer.CheckpointException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CheckpointsTest {

  @TempDir private Path directory = Path.of("");

  private static double[] uninterrupted(Kind kind, long steps) throws Exception {
    try (SmallTraining training = SmallTraining.of(kind)) {
      return training.until(steps).parameters();
    }
  }

  private void saveAfter(Kind kind, int keep, long... steps) throws Exception {
    Checkpoints checkpoints = new Checkpoints(directory, keep);
    try (SmallTraining training = SmallTraining.of(kind)) {
      for (long step : steps) {
        training.until(step);
        checkpoints.save(training.trainer());
      }
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .map(path -> path.getFileName().toString())
          .filter(name -> !name.equals(".lock"))
          .sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @EnumSource
  void resume_anyTrainer_goesOnToTheSameBits(Kind kind) throws Exception {
    saveAfter(kind, 2, 3, 8);
    try (SmallTraining training = SmallTraining.of(kind)) {
      Path used = new Checkpoints(directory, 2).resume(training.trainer());
      assertThat(used).isEqualTo(directory.resolve("000002-step-8"));
      assertThat(training.trainer().stepsDone()).isEqualTo(8);
      assertThat(training.until(20).parameters()).containsExactly(uninterrupted(kind, 20));
    }
  }

  @ParameterizedTest
  @EnumSource
  void resume_withoutCheckpoints_beginsAtTheStart(Kind kind) throws Exception {
    try (SmallTraining training = SmallTraining.of(kind)) {
      assertThat(new Checkpoints(directory.resolve("none"), 2).resume(training.trainer())).isNull();
      assertThat(training.until(2).parameters()).containsExactly(uninterrupted(kind, 2));
    }
  }

  @Test
  void resume_fromWhatIsNoDirectory_isRefusedInsteadOfBeginningAtTheStart() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "");
    try (SmallTraining training = SmallTraining.of(Kind.SFT)) {
      assertThatThrownBy(() -> new Checkpoints(file, 2).resume(training.trainer()))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(file + ": checkpoints: expected to be readable, got ");
    }
  }

  /** As after {@code shutdownNow} of an executor: the last state is saved, and found again. */
  @Test
  void saveAndResume_inAnInterruptedThread_succeedAndLeaveItInterrupted() throws Exception {
    saveAfter(Kind.SFT, 2, 1);
    try (SmallTraining training = SmallTraining.of(Kind.SFT)) {
      Checkpoints checkpoints = new Checkpoints(directory, 2);
      Thread.currentThread().interrupt();
      Path used = checkpoints.resume(training.trainer());
      Path saved = checkpoints.save(training.trainer());
      assertThat(Thread.interrupted()).isTrue();
      assertThat(used).isEqualTo(directory.resolve("000001-step-1"));
      assertThat(saved).isEqualTo(directory.resolve("000002-step-1"));
    } finally {
      Thread.interrupted();
    }
  }

  @Test
  void save_again_keepsTheLastFew() throws Exception {
    saveAfter(Kind.SFT, 2, 1, 2, 3, 3);
    assertThat(names()).containsExactly("000003-step-3", "000004-step-3");
  }

  @Test
  void save_afterAProcessThatDiedWriting_clearsUp() throws Exception {
    Path torn = Files.createDirectories(directory.resolve(".000007-step-5.tmp"));
    Files.writeString(torn.resolve("state.json"), "{");
    Path other = Files.createDirectories(directory.resolve(".mine.tmp"));
    saveAfter(Kind.SFT, 2, 1);
    assertThat(names()).containsExactly(other.getFileName().toString(), "000001-step-1");
  }

  @Test
  void save_besideAnotherTrainer_isRefusedByTheNameOfItsCheckpointUntilResumed() throws Exception {
    Checkpoints mine = new Checkpoints(directory, 2);
    Checkpoints others = new Checkpoints(directory, 2);
    try (SmallTraining training = SmallTraining.of(Kind.SFT);
        SmallTraining other = SmallTraining.of(Kind.SFT)) {
      mine.save(training.until(1).trainer());
      mine.save(training.until(2).trainer());
      others.resume(other.trainer());
      others.save(other.until(3).trainer());
      assertThatThrownBy(() -> mine.save(training.until(3).trainer()))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(
              directory
                  + ": checkpoints: expected one trainer that saves here, got 000003-step-3 of"
                  + " another");
      assertThat(names()).containsExactly("000002-step-2", "000003-step-3");
      others.save(other.until(4).trainer());
      mine.resume(training.trainer());
      mine.save(training.until(5).trainer());
      assertThat(names()).containsExactly("000004-step-4", "000005-step-5");
    }
  }

  @Test
  void save_whileAnotherProcessSaves_isRefusedAndDeletesNothingOfIt() throws Exception {
    saveAfter(Kind.SFT, 2, 1);
    Path beside = Files.createDirectories(directory.resolve(".000002-step-2.tmp"));
    try (LockingProcess other = LockingProcess.holding(directory.resolve(".lock"));
        SmallTraining training = SmallTraining.of(Kind.SFT)) {
      assertThatThrownBy(() -> new Checkpoints(directory, 2).save(training.trainer()))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("got another that does so at this moment");
      assertThat(beside).exists();
      assertResumesFrom(training, 1);
    }
    saveAfter(Kind.SFT, 2, 2);
    assertThat(names()).containsExactly("000001-step-1", "000002-step-2");
  }

  private void assertResumesFrom(SmallTraining training, long step) {
    assertThat(new Checkpoints(directory, 2).resume(training.trainer())).isNotNull();
    assertThat(training.trainer().stepsDone()).isEqualTo(step);
  }

  /** Runs something and returns what it printed, the log included. */
  private static String printed(ThrowingRunnable work) throws Exception {
    PrintStream before = System.out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      work.run();
    } finally {
      System.setOut(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private interface ThrowingRunnable {
    void run() throws Exception;
  }

  /** Truncates, flips bits, lengthens and deletes, each file in turn, at places drawn by a seed. */
  @Test
  void resume_fromATornOrAlteredCheckpoint_namesItAndUsesTheOneBefore() throws Exception {
    saveAfter(Kind.P3O, 2, 4, 6);
    double[] expected = uninterrupted(Kind.P3O, 9);
    Path newest = directory.resolve("000002-step-6");
    SplittableRandom random = new SplittableRandom(5);
    for (String name : List.of("state.json", "tensors.safetensors", "SHA256SUMS")) {
      Path file = newest.resolve(name);
      byte[] whole = Files.readAllBytes(file);
      for (byte[] damaged : damaged(whole, random)) {
        Files.write(file, damaged);
        assertThat(resumed(expected))
            .as(name)
            .contains("WARN", name, "using the checkpoint before");
      }
      Files.delete(file);
      assertThat(resumed(expected)).contains(newest.toString(), "using the checkpoint before");
      Files.write(file, whole);
    }
    assertThat(resumed(expected)).isEmpty();
  }

  private static List<byte[]> damaged(byte[] whole, SplittableRandom random) {
    byte[] flipped = whole.clone();
    flipped[random.nextInt(whole.length)] ^= (byte) (1 << random.nextInt(8));
    byte[] last = whole.clone();
    last[whole.length - 1] ^= 1;
    return List.of(
        flipped,
        last,
        new byte[0],
        Arrays.copyOf(whole, random.nextInt(whole.length)),
        Arrays.copyOf(whole, whole.length - 1),
        Arrays.copyOf(whole, whole.length + 1));
  }

  /** What resuming printed; the run goes on to the expected bits. */
  private String resumed(double[] expected) throws Exception {
    try (SmallTraining training = SmallTraining.of(Kind.P3O)) {
      String printed = printed(() -> new Checkpoints(directory, 2).resume(training.trainer()));
      assertThat(training.trainer().stepsDone()).isEqualTo(printed.isEmpty() ? 6 : 4);
      assertThat(training.until(9).parameters()).containsExactly(expected);
      return printed;
    }
  }

  @Test
  void save_afterAnAlteredOne_keepsTheSoundOnes() throws Exception {
    saveAfter(Kind.SFT, 2, 4, 6);
    Files.writeString(directory.resolve("000002-step-6/state.json"), "{}");
    Checkpoints checkpoints = new Checkpoints(directory, 2);
    try (SmallTraining training = SmallTraining.of(Kind.SFT)) {
      printed(() -> checkpoints.resume(training.trainer()));
      checkpoints.save(training.until(5).trainer());
      assertThat(names()).containsExactly("000001-step-4", "000002-step-6", "000003-step-5");
      checkpoints.save(training.until(6).trainer());
      assertThat(names()).containsExactly("000003-step-5", "000004-step-6");
    }
  }

  @Test
  void resume_whereNoneIsSound_isRefused() throws Exception {
    saveAfter(Kind.SFT, 2, 1, 2);
    for (String name : names()) {
      Files.delete(directory.resolve(name).resolve("state.json"));
    }
    try (SmallTraining training = SmallTraining.of(Kind.SFT)) {
      printed(
          () ->
              assertThatThrownBy(() -> new Checkpoints(directory, 2).resume(training.trainer()))
                  .isInstanceOf(CheckpointException.class)
                  .hasMessageEndingWith("checkpoints: expected one that is sound, got none of 2"));
    }
  }

  /** A disk with room for ever less: every write in turn is the one that fails. */
  @Test
  void save_onAFullDisk_leavesTheLastOne() throws Exception {
    int failed = 0;
    for (int blocks = 30; blocks < 110; blocks += 2) {
      Configuration disk =
          Configuration.unix().toBuilder().setBlockSize(64).setMaxSize(64L * blocks).build();
      try (FileSystem files = Jimfs.newFileSystem(disk);
          SmallTraining training = SmallTraining.of(Kind.P3O)) {
        Checkpoints checkpoints = new Checkpoints(files.getPath("/run"), 1);
        try {
          checkpoints.save(training.until(1).trainer());
        } catch (CheckpointException e) {
          assertThat(checkpoints.list()).isEmpty();
          continue;
        }
        try {
          checkpoints.save(training.until(2).trainer());
        } catch (CheckpointException e) {
          failed++;
          assertThat(e).hasMessageContaining("out of disk space");
          assertThat(training.until(3).parameters()).containsExactly(uninterrupted(Kind.P3O, 3));
          assertResumes(checkpoints, 1);
        }
      }
    }
    assertThat(failed).isGreaterThan(5);
  }

  private static void assertResumes(Checkpoints checkpoints, long step) throws Exception {
    try (SmallTraining fresh = SmallTraining.of(Kind.P3O)) {
      assertThat(checkpoints.list()).hasSize(1);
      assertThat(checkpoints.resume(fresh.trainer())).isNotNull();
      assertThat(fresh.trainer().stepsDone()).isEqualTo(step);
      assertThat(fresh.until(3).parameters()).containsExactly(uninterrupted(Kind.P3O, 3));
    }
  }

  private void assertRefused(P3OTrainer.Builder other, String... messages) {
    try (P3OTrainer trainer = other.build()) {
      assertThatThrownBy(() -> new Checkpoints(directory, 2).resume(trainer))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(messages);
      assertThat(trainer.stepsDone()).isZero();
    }
  }

  @Test
  void resume_withOtherSettings_isRefusedByName() {
    TrainerConfig config = Bandit.config().build();
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy wider = TabularPolicy.uniform(3, 5);
        TabularPolicy moved = TabularPolicy.of(new double[][] {{0, 1}, {0, 0}, {0, 0}});
        P3OTrainer trainer = Bandit.trainer(policy).config(config).build()) {
      new Checkpoints(directory, 2).save(trainer);
      assertRefused(
          Bandit.trainer(policy).config(Bandit.config().seed(8).promptsPerStep(25).build()),
          "seed: expected 7 as in the checkpoint, got 8",
          "promptsPerStep: expected 24 as in the checkpoint, got 25");
      assertRefused(
          Bandit.trainer(policy)
              .config(Bandit.config().optimizer(OptimizerConfig.adamW(0.06)).build()),
          "optimizer.learningRate: expected 0.05 as in the checkpoint, got 0.06");
      assertRefused(Bandit.trainer(wider), "reference: expected DOUBLE[12]:", "got DOUBLE[15]:");
      assertRefused(Bandit.trainer(moved), "reference: expected DOUBLE[12]:");
      assertRefused(
          Bandit.trainer(policy).rewardModel(new SmallTraining.AboveTheMean()),
          "rewardModel: expected none as in the checkpoint, got a part with a state");
      assertRefused(
          Bandit.trainer(wider).reference(policy.frozenCopy()),
          "parameters/logits: expected DOUBLE [3, 4] as in the checkpoint, got DOUBLE [3, 5]");
    }
  }

  /** After a death for want of memory a run goes on in smaller portions. */
  @Test
  void resume_withAnotherMicroBatch_goesOnWithAWarning() throws Exception {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy whole = TabularPolicy.uniform(3, 4);
        TabularPolicy resumed = TabularPolicy.uniform(3, 4);
        P3OTrainer trainer = Bandit.trainer(policy).build();
        P3OTrainer uninterrupted = Bandit.trainer(whole).build();
        P3OTrainer smaller =
            Bandit.trainer(resumed)
                .config(Bandit.config().promptsPerMicroBatch(2).build())
                .build()) {
      trainer.train(3);
      new Checkpoints(directory, 2).save(trainer);
      String printed = printed(() -> new Checkpoints(directory, 2).resume(smaller));
      assertThat(printed)
          .contains("WARN", "promptsPerMicroBatch: 4 in the checkpoint, 2 now", "from step 3 on");
      smaller.train(3);
      uninterrupted.train(6);
      assertThat(resumed.parameters().vector().toDoubleVector())
          .containsExactly(whole.parameters().vector().toDoubleVector(), within(1e-12));
      new Checkpoints(directory, 2).save(smaller);
      assertThat(printed(() -> new Checkpoints(directory, 2).resume(smaller))).isEmpty();
    }
  }

  @Test
  void checkpoint_withinAStep_isRefused() {
    P3OTrainer[] trainer = new P3OTrainer[1];
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onRollout(long step, PairwiseBatch rollout) {
            trainer[0].checkpoint();
          }
        };
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4)) {
      trainer[0] = Bandit.trainer(policy).listener(listener).build();
      assertThatThrownBy(() -> trainer[0].step())
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "checkpoint: expected to be asked between two calls, got within step of thread "
                  + Thread.currentThread().getName());
      trainer[0].checkpoint();
      trainer[0].close();
    }
  }

  @Test
  void keep_belowOne_isRefused() {
    assertThatThrownBy(() -> new Checkpoints(directory, 0))
        .hasMessage("keep: expected at least 1, got 0");
  }

  /** The sums are those of sha256sum, so that a person can check them. */
  @Test
  void save_writesChecksumsOfEveryFile() throws Exception {
    saveAfter(Kind.SFT, 1, 1);
    Path saved = directory.resolve("000001-step-1");
    Map<String, String> sums = new TreeMap<>();
    for (String name : ImmutableList.of("state.json", "tensors.safetensors")) {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(saved.resolve(name)));
      sums.put(name, HexFormat.of().formatHex(digest));
    }
    assertThat(Files.readString(saved.resolve("SHA256SUMS")))
        .isEqualTo(
            sums.get("state.json")
                + "  state.json\n"
                + sums.get("tensors.safetensors")
                + "  tensors.safetensors\n");
  }
}
