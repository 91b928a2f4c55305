package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records as configurations; TrainerConfigTest has the messages. */
class ConfigReaderTest {

  /** One value of each kind. */
  record Config(boolean flag, String text, double number, Inner inner) {

    record Inner(int count, long total) {}
  }

  private static final Config DEFAULTS =
      new Config(true, "some", 0.5, new Config.Inner(3, 4_000_000_000L));

  @TempDir private Path directory;

  private Config read(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("config.yaml"), text);
    return ConfigReader.read(file, DEFAULTS, Config.class);
  }

  @Test
  void read_record_takesWhatIsNamed() throws IOException {
    assertThat(read("")).isEqualTo(DEFAULTS);
    assertThat(read("{flag: false, text: off, number: 2, inner: {count: 5}}"))
        .isEqualTo(new Config(false, "off", 2, new Config.Inner(5, 4_000_000_000L)));
    assertThat(read("inner: {total: -9223372036854775808}").inner().total())
        .isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void read_kindsThatDiffer_areRefused() {
    assertThatThrownBy(() -> read("flag: yes"))
        .hasMessageEndingWith("flag: expected true or false, got \"yes\"");
    assertThatThrownBy(() -> read("text: 5"))
        .hasMessageEndingWith("text: expected a word such as some, got 5");
    assertThatThrownBy(() -> read("number: NaN"))
        .hasMessageEndingWith("number: expected a number, got \"NaN\"");
    assertThatThrownBy(() -> read("inner: {count: {}}"))
        .hasMessageEndingWith("inner.count: expected a whole number below 2^31, got {}");
  }

  @Test
  void read_unknownKey_namesTheNearest() {
    assertThatThrownBy(() -> read("inner: {cuont: 5}"))
        .hasMessageEndingWith("unknown key inner.cuont; the nearest known one is inner.count");
  }
}
