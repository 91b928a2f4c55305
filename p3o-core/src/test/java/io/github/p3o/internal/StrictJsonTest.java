package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StrictJsonTest {

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {"", " ", "null", "[]", "1", "\"text\"", "{", "{}x", "{} {}", "{'a':1}", "{a:1}"})
  void object_ofAnythingElse_throws(String text) {
    assertThatThrownBy(() -> StrictJson.object(text)).isInstanceOf(JsonProcessingException.class);
  }

  @Test
  void object_withANameTwice_throws() {
    assertThatThrownBy(() -> StrictJson.object("{\"a\": 1, \"a\": 2}"))
        .isInstanceOfSatisfying(
            JsonProcessingException.class,
            e ->
                assertThat(StrictJson.reason(e))
                    .isEqualTo("expected each name once, got one that occurs twice at column 13"));
  }

  @Test
  void object_nestedTooDeeply_throws() {
    String deep = "{\"a\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";

    assertThatThrownBy(() -> StrictJson.object(deep))
        .isInstanceOfSatisfying(
            JsonProcessingException.class,
            e -> assertThat(StrictJson.reason(e)).contains("nesting depth"));
  }

  @Test
  void object_withAHugeNumber_throws() {
    String number = "{\"a\": " + "9".repeat(1000) + "}";

    assertThatThrownBy(() -> StrictJson.object(number)).isInstanceOf(JsonProcessingException.class);
  }

  @Test
  void object_ofALongerFile_throwsBeforeReading() throws IOException {
    Path file = Files.writeString(directory.resolve("long.json"), "{\"a\": 1}");

    assertThatThrownBy(() -> StrictJson.object(file, 7))
        .isInstanceOf(IOException.class)
        .hasMessage("expected at most 7 bytes, got 8");
    assertThat(StrictJson.object(file, 8).path("a").intValue()).isEqualTo(1);
  }

  @Test
  void object_ofUtf16_throws() throws IOException {
    Path file = directory.resolve("utf16.json");
    Files.write(file, "{\"a\": 1}".getBytes(StandardCharsets.UTF_16LE));

    assertThatThrownBy(() -> StrictJson.object(file, 100)).isInstanceOf(IOException.class);
  }

  @Test
  void reason_ofBadJson_namesThePlaceAndHidesTheText() {
    assertThatThrownBy(() -> StrictJson.object("{\"a\": secret}"))
        .isInstanceOfSatisfying(
            JsonProcessingException.class,
            e ->
                assertThat(StrictJson.reason(e))
                    .contains("got something else at column ")
                    .doesNotContain("secret"));
  }
}
