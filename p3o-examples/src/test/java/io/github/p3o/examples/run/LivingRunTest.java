package io.github.p3o.examples.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Of two processes that worked on one run, each would delete what the other needs. */
class LivingRunTest {

  @TempDir private Path directory = Path.of("");

  private Path path() {
    return directory.resolve("run");
  }

  private Run open() {
    PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
    return Run.open(path(), new Console(nowhere, nowhere, false), new HashMap<>());
  }

  @Test
  void reopen_aRunThatLives_isRefusedUntilItEnds() {
    try (Run run = open()) {
      run.directory().metrics("sft", 0, Map.of("loss", 1));
      assertThatThrownBy(() -> RunDirectory.reopen(path()))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "DIR: expected a run that no process works on, got "
                  + path()
                  + ", on which another does");
      RunDirectory.toRead(path()).close();
      assertThatThrownBy(() -> RunDirectory.reopen(path())).isInstanceOf(UsageException.class);
    }
    RunDirectory.reopen(path()).close();
  }

  @Test
  void open_whereARunHasJustBegun_isRefusedAndLeavesItAlone() throws Exception {
    Run run = open();
    assertThatThrownBy(this::open)
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith("--out: expected a new or empty directory, got " + path());
    assertThat(path().resolve("run.json")).exists();
    run.close();
    assertThat(path()).doesNotExist();
  }

  /** As a process leaves it that was killed before it wrote anything. */
  @Test
  void open_whereALockAloneWasLeft_succeeds() throws Exception {
    Files.createDirectories(path());
    Files.createFile(path().resolve(".lock"));
    open().close();
    assertThat(path()).isEmptyDirectory();
  }

  @Test
  void open_whatIsRefused_leavesNoLock() throws Exception {
    Files.createDirectories(path());
    Files.createFile(path().resolve("letter.txt"));
    assertThatThrownBy(this::open).isInstanceOf(UsageException.class);
    assertThat(path().resolve(".lock")).doesNotExist();
  }
}
