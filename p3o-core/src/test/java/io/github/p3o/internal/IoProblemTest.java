package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class IoProblemTest {

  private static final Path PATH = Path.of("a", "b");
  private static final String BELOW = PATH.resolve("c").toString();

  private static String text(IOException e) {
    return IoProblem.text(PATH, e);
  }

  @Test
  void text_namesThePathOnceAndTheReason() {
    assertThat(text(new NoSuchFileException(PATH.toString())))
        .isEqualTo(PATH + ": no such file or directory");
    assertThat(text(new FileAlreadyExistsException(BELOW)))
        .isEqualTo(BELOW + ": something of this name is in the way");
    assertThat(text(new AccessDeniedException("a"))).isEqualTo(PATH + ": a: permission denied");
    assertThat(text(new NotDirectoryException(BELOW))).isEqualTo(BELOW + ": NotDirectoryException");
    assertThat(text(new FileSystemException(BELOW, null, "Not a directory")))
        .isEqualTo(BELOW + ": Not a directory");
    assertThat(text(new IOException("No space left on device")))
        .isEqualTo(PATH + ": No space left on device");
    assertThat(text(new IOException(BELOW + ": record at byte 7")))
        .isEqualTo(BELOW + ": record at byte 7");
    assertThat(text(new IOException())).isEqualTo(PATH + ": java.io.IOException");
  }

  @Test
  void of_keepsTheCause() {
    IOException cause = new IOException("no disk");
    assertThat(IoProblem.of(PATH, cause)).hasMessage(PATH + ": no disk").hasCause(cause);
  }
}
