package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.testing.LockingProcess;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExclusiveLockTest {

  @TempDir private Path directory = Path.of("");

  private Path file() {
    return directory.resolve("lock");
  }

  @Test
  void take_whatAnotherProcessHolds_isEmptyUntilItDies() throws Exception {
    try (LockingProcess other = LockingProcess.holding(file())) {
      assertThat(ExclusiveLock.take(file())).isEmpty();
    }
    try (ExclusiveLock lock = ExclusiveLock.take(file()).orElseThrow()) {
      assertThat(LockingProcess.canTake(file())).isFalse();
    }
    assertThat(LockingProcess.canTake(file())).isTrue();
  }

  /** On POSIX, to close a second descriptor of the file would have let the lock go. */
  @Test
  void take_twiceInThisProcess_isEmptyAndTheFirstIsKeptFromOtherProcesses() throws Exception {
    Path sameFile = directory.resolve("..").resolve(directory.getFileName()).resolve("lock");
    try (ExclusiveLock lock = ExclusiveLock.take(file()).orElseThrow()) {
      assertThat(ExclusiveLock.take(file())).isEmpty();
      assertThat(ExclusiveLock.take(sameFile)).isEmpty();
      assertThat(LockingProcess.canTake(file())).isFalse();
    }
  }

  @Test
  void close_twice_leavesTheLockToWhoHasItNow() throws Exception {
    ExclusiveLock first = ExclusiveLock.take(file()).orElseThrow();
    first.close();
    try (ExclusiveLock second = ExclusiveLock.take(file()).orElseThrow()) {
      first.close();
      assertThat(ExclusiveLock.take(file())).isEmpty();
    }
  }

  @Test
  void take_whatCannotBeOpened_throwsAndCanBeTriedAgain() throws Exception {
    Path file = directory.resolve("missing").resolve("lock");
    assertThatThrownBy(() -> ExclusiveLock.take(file)).isInstanceOf(NoSuchFileException.class);
    Files.createDirectories(file);
    assertThatThrownBy(() -> ExclusiveLock.take(file)).isInstanceOf(IOException.class);
    Files.delete(file);
    ExclusiveLock.take(file).orElseThrow().close();
  }

  @Test
  void tryLock_partsOfAFile_areHeldOneByOne() throws Exception {
    try (FileChannel channel =
            FileChannel.open(file(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock first = ExclusiveLock.tryLock(file(), channel, 7, 1).orElseThrow();
        FileLock second = ExclusiveLock.tryLock(file(), channel, 8, 1).orElseThrow()) {
      assertThat(first.position()).isEqualTo(7);
      assertThat(second.isValid()).isTrue();
      assertThat(ExclusiveLock.tryLock(file(), channel, 7, 1)).isEmpty();
    }
  }

  /** As where the file system refuses it, which no test can make. */
  @Test
  void tryLock_thatFails_saysWhatIsNeeded() throws Exception {
    FileChannel channel =
        FileChannel.open(file(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    channel.close();
    assertThatThrownBy(() -> ExclusiveLock.tryLock(file(), channel, 0, 1))
        .isInstanceOf(IOException.class)
        .hasMessage(
            file()
                + ": expected a file system with locks, such as that of a local disk, got"
                + " java.nio.channels.ClosedChannelException");
  }
}
