package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.NoSuchElementException;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataSetReaderTest {

  private static final String TWO =
      "{\"prompt\": \"a\"}\n{\"prompt\": \"b ü 😀\", \"other\": [1]}\n";

  @TempDir Path directory;

  @Test
  void next_ofPlainLines_readsEach() throws IOException {
    Path file = write(TWO);

    try (DataSetReader<String> reader = DataSets.prompts(file)) {
      assertThat(reader.next()).isEqualTo("a");
      assertThat(reader.next()).isEqualTo("b ü 😀");
      assertThat(reader.hasNext()).isFalse();
      assertThatThrownBy(reader::next).isInstanceOf(NoSuchElementException.class);
    }
  }

  @Test
  void next_ofGzip_unpacksWhateverTheFilesName() throws IOException {
    Path file = Files.write(directory.resolve("data"), gzip(TWO));

    assertThat(prompts(file, MalformedLines.STOP)).containsExactly("a", "b ü 😀");
  }

  @Test
  void next_withByteOrderMarkCarriageReturnsAndNoLastNewline_readsEach() throws IOException {
    Path file = write("\uFEFF{\"prompt\": \"a\"}\r\n\r\n  \n{\"prompt\": \"b\"}");

    assertThat(prompts(file, MalformedLines.STOP)).containsExactly("a", "b");
  }

  @Test
  void next_ofCompletions_readsBothSpellings() throws IOException {
    Path file =
        write(
            "{\"prompt\": \"a\", \"completion\": \" b\"}\n{\"text\": \"c\"}\n{\"prompt\": \"d\"}");

    try (DataSetReader<Completion> reader = DataSets.completions(file, MalformedLines.STOP)) {
      assertThat(reader.next()).isEqualTo(new Completion("a", " b"));
      assertThat(reader.next()).isEqualTo(new Completion("", "c"));
      assertThatExceptionOfType(DataSetException.class)
          .isThrownBy(reader::next)
          .withMessageContaining(":3: completion: expected a text");
    }
  }

  /** Some of the file has been read ahead. */
  @Test
  void next_afterClose_isRefused() throws IOException {
    Path file = write("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n");
    DataSetReader<String> reader = DataSets.prompts(file);
    assertThat(reader.next()).isEqualTo("a");
    reader.close();
    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(reader::next)
        .withMessage(file + ": expected an open reader, got one that was closed");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "secret",
        "{\"prompt\": \"secret",
        "{\"prompt\": \"secret\"} secret",
        "{\"prompt\": 7}",
        "{\"prompt\": null}",
        "{\"Prompt\": \"secret\"}",
        "[\"secret\"]",
        "{\"prompt\": \"secret\", \"prompt\": \"secret\"}",
        "\uFEFF{\"prompt\": \"secret\"}"
      })
  void next_atAMalformedLine_namesFileAndLineAndHidesTheText(String line) throws IOException {
    Path file = write("{\"prompt\": \"a\"}\n\n" + line + "\n{\"prompt\": \"b\"}\n");

    try (DataSetReader<String> reader = DataSets.prompts(file)) {
      assertThat(reader.next()).isEqualTo("a");
      assertThatExceptionOfType(DataSetException.class)
          .isThrownBy(reader::next)
          .withMessageStartingWith(file + ":3: ")
          .withMessageContaining("expected ")
          .withNoCause()
          .satisfies(e -> assertThat(e.getMessage()).doesNotContain("secret"))
          .satisfies(e -> assertThat(e.line()).isEqualTo(3))
          .satisfies(e -> assertThat(e.file()).isEqualTo(file));
    }
    assertThat(prompts(file, MalformedLines.SKIP)).containsExactly("a", "b");
  }

  @Test
  void skippedLines_ofManyMalformedLines_countsThem() throws IOException {
    Path file = write("oops\n".repeat(25) + "\n" + TWO + "oops");

    try (DataSetReader<String> reader = DataSets.prompts(file, MalformedLines.SKIP)) {
      assertThat(ImmutableList.copyOf(reader)).hasSize(2);
      assertThat(reader.skippedLines()).isEqualTo(26);
    }
  }

  @Test
  void next_ofALineOverTheLimit_isMalformed() throws IOException {
    String longest = "{\"prompt\": \"" + "x".repeat(86) + "\"}";
    Path file = write(longest + "\n" + longest + " \n" + "y".repeat(300_000) + "\n" + longest);
    assertThat(longest).hasSize(100);

    try (DataSetReader<String> reader = reader(file, MalformedLines.SKIP, 100)) {
      assertThat(ImmutableList.copyOf(reader)).hasSize(2);
      assertThat(reader.skippedLines()).isEqualTo(2);
    }
    try (DataSetReader<String> reader = reader(file, MalformedLines.STOP, 100)) {
      reader.next();
      assertThatThrownBy(reader::next).hasMessage(file + ":2: line: expected at most 100 bytes");
    }
  }

  @Test
  void next_ofLinesAcrossTheReadersChunks_readsThemWhole() throws IOException {
    String prompt = "ü".repeat(40_000);
    Path file = write(("{\"prompt\": \"" + prompt + "\"}\n").repeat(5));

    assertThat(prompts(file, MalformedLines.STOP)).hasSize(5).containsOnly(prompt);
  }

  @Test
  void next_ofBytesThatAreNoUtf8_isMalformed() throws IOException {
    byte[] bytes = "{\"prompt\": \"ü\"}".getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(directory.resolve("latin1.jsonl"), bytes);

    assertThatThrownBy(() -> prompts(file, MalformedLines.STOP))
        .isInstanceOf(DataSetException.class)
        .hasMessage(file + ":1: line: expected UTF-8, got other bytes");
  }

  @Test
  void next_ofDeepJson_isMalformed() throws IOException {
    Path file = write("{\"prompt\":" + "[".repeat(1_000_000) + "\n" + TWO);

    assertThatThrownBy(() -> prompts(file, MalformedLines.STOP))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith(file + ":1: ");
    assertThat(prompts(file, MalformedLines.SKIP)).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "\n \n", "oops\n"})
  void hasNext_withoutAnyExample_throws(String text) throws IOException {
    Path file = write(text);

    assertThatThrownBy(() -> prompts(file, MalformedLines.SKIP))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith(file + ": expected at least one example, got none in ");
  }

  @Test
  void next_ofATruncatedGzip_throwsEvenIfLinesAreSkipped() throws IOException {
    byte[] whole = gzip(TWO.repeat(1000));
    Path file = directory.resolve("cut.jsonl.gz");
    for (int length : new int[] {3, whole.length / 2, whole.length - 1}) {
      Files.write(file, Arrays.copyOf(whole, length));

      assertThatThrownBy(() -> prompts(file, MalformedLines.SKIP))
          .isInstanceOf(DataSetException.class)
          .hasMessageContaining("expected a readable file, got ");
    }
  }

  @Test
  void preferences_ofAMissingFile_throws() {
    Path file = directory.resolve("missing.jsonl");

    assertThatThrownBy(() -> DataSets.preferences(file, PreferenceFormat.HH_DIALOGUES))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith(file + ": expected a readable file, got ");
  }

  private Path write(String text) throws IOException {
    return Files.writeString(directory.resolve("data.jsonl"), text);
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(bytes)) {
      gzip.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private static ImmutableList<String> prompts(Path file, MalformedLines malformedLines) {
    try (DataSetReader<String> reader = DataSets.prompts(file, malformedLines)) {
      return ImmutableList.copyOf(reader);
    }
  }

  private static DataSetReader<String> reader(
      Path file, MalformedLines malformedLines, int maxLineBytes) {
    return new DataSetReader<>(
        file, line -> Fields.text(line, "prompt"), malformedLines, maxLineBytes);
  }
}
