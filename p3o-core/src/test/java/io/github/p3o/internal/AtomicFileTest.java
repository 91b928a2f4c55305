package io.github.p3o.internal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {

  @TempDir Path directory;

  @Test
  void write_overAnotherFile_replacesIt() throws IOException {
    Path file = Files.writeString(directory.resolve("a.txt"), "a longer old text");

    AtomicFile.write(file, "new – ü");

    assertThat(file).usingCharset(UTF_8).hasContent("new – ü");
    assertThat(names()).containsExactly("a.txt");
  }

  @Test
  void write_thatFailsHalfWay_leavesTheOldFileAndNothingElse() throws IOException {
    Path file = Files.writeString(directory.resolve("a.txt"), "old");

    assertThatThrownBy(
            () ->
                AtomicFile.write(
                    file,
                    channel -> {
                      channel.write(ByteBuffer.wrap(new byte[100]));
                      throw new IOException("disk full");
                    }))
        .hasMessage("disk full");

    assertThat(file).hasContent("old");
    assertThat(names()).containsExactly("a.txt");
  }

  @Test
  void write_withoutADirectory_throws() {
    Path file = directory.resolve("missing").resolve("a.txt");

    assertThatThrownBy(() -> AtomicFile.write(file, "text")).isInstanceOf(IOException.class);
  }

  private Stream<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).toList().stream();
    }
  }
}
