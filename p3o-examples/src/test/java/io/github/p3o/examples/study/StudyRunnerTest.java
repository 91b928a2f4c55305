package io.github.p3o.examples.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The jobs of a study, by jobs that only note that they ran. */
@Timeout(60)
class StudyRunnerTest {

  private static final Map<String, Object> DESCRIPTION = Map.of("seed", 0);

  private final Path directory;
  private final StudyDirectory study;
  private final List<String> done = new ArrayList<>();
  private final StringWriter shown = new StringWriter();

  StudyRunnerTest(@TempDir Path directory) {
    this.directory = directory;
    this.study = StudyDirectory.open(directory.resolve("study"), DESCRIPTION);
  }

  @AfterEach
  void closes() {
    study.close();
  }

  private StudyRunner.End run(StudyPlan plan) {
    PrintWriter writer = new PrintWriter(shown);
    return new StudyRunner(study, new Console(writer, writer, false)).run(plan);
  }

  private Job job(String path) {
    return job(path, ImmutableMap.of("of", path));
  }

  private Job job(String path, ImmutableMap<String, String> settings) {
    return new Job(
        path,
        settings,
        run -> {
          run.directory().text("result.txt", "of " + path);
          done.add(path);
        });
  }

  private static StudyPlan plan(Job... jobs) {
    return StudyPlan.of(() -> ImmutableList.copyOf(jobs));
  }

  @Test
  void run_doesEveryJobOnce_andNoneWhenItIsRunAgain() {
    assertThat(run(plan(job("a/1"), job("a/2")))).isEqualTo(StudyRunner.End.DONE);
    assertThat(run(plan(job("a/1"), job("a/2"), job("a/3")))).isEqualTo(StudyRunner.End.DONE);

    assertThat(done).containsExactly("a/1", "a/2", "a/3");
    assertThat(directory.resolve("study/a/2/result.txt")).hasContent("of a/2");
    assertThat(study.isDone(job("a/2"))).isTrue();
    assertThat(shown.toString()).contains("a/1, 1 more to do now", "a/3, 0 more to do now");
  }

  @Test
  void plans_thatFollow_waitForTheFirst_andThoseBesideDoNot() {
    StudyPlan chain =
        plan(job("first"))
            .then(
                StudyPlan.of(
                    () -> {
                      assertThat(done).contains("first"); // jobs are made of what it left
                      return ImmutableList.of(job("second"));
                    }));

    assertThat(run(chain.and(plan(job("beside"))))).isEqualTo(StudyRunner.End.DONE);

    assertThat(done).containsExactly("first", "second", "beside");
  }

  @Test
  void aJobThatFails_isTriedAgain_recorded_andKeepsNoOtherFromBeingDone() throws IOException {
    Job fails =
        new Job(
            "fails",
            ImmutableMap.of("lr", "1e9"),
            run -> {
              done.add("attempt");
              throw new IllegalStateException("loss: expected a finite number, got NaN");
            });

    assertThat(run(plan(fails, job("other")))).isEqualTo(StudyRunner.End.FAILED);

    assertThat(done).containsExactly("attempt", "attempt", "other");
    assertThat(Files.readAllLines(directory.resolve("study/failures.jsonl")))
        .hasSize(2)
        .allMatch(line -> line.contains("\"job\":\"fails\"") && line.contains("got NaN"));
    assertThat(shown.toString()).contains("failed: fails: ");
  }

  @Test
  void aJobThatFailedBefore_isDoneWhenItIsRunAgain() {
    List<String> attempts = new ArrayList<>();
    Job fragile =
        new Job(
            "fragile",
            ImmutableMap.of(),
            run -> {
              attempts.add("one");
              run.directory().text("part-" + attempts.size(), "");
              if (attempts.size() < 4) {
                throw new IllegalStateException("not yet");
              }
            });

    assertThat(run(plan(fragile))).isEqualTo(StudyRunner.End.FAILED);
    assertThat(run(plan(fragile))).isEqualTo(StudyRunner.End.DONE);

    assertThat(directory.resolve("study/fragile"))
        .isDirectoryContaining("glob:**part-4")
        .isDirectoryNotContaining("glob:**part-3"); // of an attempt that failed nothing stays
  }

  @Test
  void aJobThatWasCutOff_isDoneFromItsBeginning() throws IOException {
    Files.createDirectories(directory.resolve("study/cut"));
    Files.writeString(directory.resolve("study/cut/metrics.jsonl"), "half a li");

    assertThat(run(plan(job("cut")))).isEqualTo(StudyRunner.End.DONE);

    assertThat(directory.resolve("study/cut/metrics.jsonl")).isEmptyFile();
  }

  @Test
  void aJobThatWasDoneWithOtherSettings_isRefused() {
    run(plan(job("a", ImmutableMap.of("lr", "0.1"))));

    assertThatThrownBy(() -> run(plan(job("a", ImmutableMap.of("lr", "0.2")))))
        .isInstanceOf(UsageException.class)
        .hasMessage("--out: expected a with {lr=0.1} as it was done, got {lr=0.2}");
  }

  @Test
  void aJobThatAnotherHas_isLeftToIt_andWaitedFor() throws Exception {
    Job taken = job("taken");
    CompletableFuture<StudyRunner.End> end;
    try (StudyDirectory other = StudyDirectory.open(directory.resolve("study"), DESCRIPTION);
        FileLock lock = other.claim(taken).orElseThrow()) {
      assertThat(lock.isValid()).isTrue();
      end = CompletableFuture.supplyAsync(() -> run(plan(taken, job("free"))));
      while (!Files.exists(directory.resolve("study/free/done.json"))) {
        TimeUnit.MILLISECONDS.sleep(20);
      }
      other.begin(taken);
      other.finish(taken, 1.5);
    }

    assertThat(end.get(30, TimeUnit.SECONDS)).isEqualTo(StudyRunner.End.DONE);
    assertThat(done).containsExactly("free");
    assertThat(study.seconds(taken)).isEqualTo(1.5);
  }

  @Test
  void open_ofAnotherStudysDirectory_isRefused() {
    assertThatThrownBy(() -> StudyDirectory.open(directory.resolve("study"), Map.of("seed", 1)))
        .hasMessageContaining("--out: expected seed 0 as when the study in")
        .hasMessageEndingWith("began, got 1");
    assertThatThrownBy(() -> StudyDirectory.open(directory, DESCRIPTION))
        .hasMessageContaining("--out: expected a study's directory, or a new or empty one, got");
  }

  @Test
  void describe_addsToStudyJson() {
    study.describe(Map.of("methods", List.of("ppo")));

    assertThat(study.readJson("study.json")).containsEntry("seed", 0).containsKey("methods");
  }
}
