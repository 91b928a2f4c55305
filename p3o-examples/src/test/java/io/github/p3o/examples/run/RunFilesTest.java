package io.github.p3o.examples.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFilesTest {

  @TempDir private Path directory = Path.of("");

  @Test
  void allLines_ofAFileWithAByteOrderMark_readsTheFirstLineToo() throws IOException {
    Path file = Files.writeString(directory.resolve("a"), "\uFEFF{\"x\": 1}\n{\"x\": 2}\n");
    assertThat(RunFiles.allLines(file))
        .extracting(line -> line.path("x").asInt())
        .containsExactly(1, 2);
  }

  @Test
  void allLines_withAMarkElsewhere_isRefusedByItsLine() throws IOException {
    Path file = Files.writeString(directory.resolve("b"), "{}\n\uFEFF{}\n");
    assertThatThrownBy(() -> RunFiles.allLines(file))
        .isInstanceOf(UsageException.class)
        .hasMessage(file + ", line 2: expected JSON, got something else");
  }
}
