package io.github.p3o.examples.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is printed as a word is read by a shell as the same path. */
class ShellTest {

  @ParameterizedTest
  @ValueSource(
      strings = {"runs/align-1", "my runs/a", "it's", "$HOME", "a;b", "*", "~", "a\"b`c", "\\"})
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "has another shell")
  void word_ofAPath_isReadAsThePath(String path) throws Exception {
    Process shell =
        new ProcessBuilder("sh", "-c", "printf %s " + Shell.word(Path.of(path))).start();
    String read = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(read).isEqualTo(path);
  }

  @ParameterizedTest
  @ValueSource(strings = {"runs/align-20260101-120000", "/data/model_v1.2"})
  void word_ofAPlainPath_isThePath(String path) {
    assertThat(Shell.word(Path.of(path))).isEqualTo(Path.of(path).toString());
  }
}
