package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.util.Utils;
import io.github.p3o.internal.SharedData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizersTest {

  private static final List<String> WORDS =
      List.of("the", "cat", "sat", "down", ".", "naïve", "😀");

  @TempDir Path directory;

  @Test
  void huggingFace_ofStories260k_encodesAsStated() {
    try (Tokenizer tokenizer = stories260k()) {
      assertThat(tokenizer.encode("Once upon a time, there was a little girl named Lily."))
          .containsExactly(
              403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426);
      assertThat(tokenizer.vocabularySize()).isEqualTo(512);
      assertThat(tokenizer.beginToken()).hasValue(1);
      assertThat(tokenizer.endToken()).hasValue(2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Once upon a time", "two  spaces, a\nline", "Straße 漢字 😀 \u0000 ~"})
  void huggingFace_ofStories260k_decodesWhatItEncodes(String text) {
    try (Tokenizer tokenizer = stories260k()) {
      assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void huggingFace_ofStories260k_neverTruncates() {
    try (Tokenizer tokenizer = stories260k()) {
      String text = "Once upon a time ".repeat(2000).strip();

      assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void huggingFace_byManyThreads_encodesAsByOne() {
    try (Tokenizer tokenizer = stories260k()) {
      List<Integer> lengths =
          IntStream.range(0, 400)
              .parallel()
              .map(i -> tokenizer.encode("there was a little girl").length)
              .distinct()
              .boxed()
              .toList();

      assertThat(lengths).hasSize(1);
    }
  }

  @Test
  void huggingFace_ofWordLevel_givesTheSentenceBackWithSingleSpaces() {
    Tokenizers.writeWordLevel(directory, WORDS);

    try (Tokenizer tokenizer = Tokenizers.huggingFace(directory)) {
      assertThat(tokenizer.vocabularySize()).isEqualTo(3 + WORDS.size());
      assertThat(tokenizer.beginToken()).hasValue(1);
      assertThat(tokenizer.endToken()).hasValue(2);
      assertThat(tokenizer.encode(" the cat\n sat  down .")).containsExactly(3, 4, 5, 6, 7);
      assertThat(tokenizer.decode(tokenizer.encode(" the cat\n sat  down . naïve 😀")))
          .isEqualTo("the cat sat down . naïve 😀");
      assertThat(tokenizer.encode("the dog")).containsExactly(3, 0);
      assertThat(tokenizer.decode(1, 3, 0, 4, 2)).isEqualTo("the cat");
      assertThat(tokenizer.decode()).isEmpty();
      assertThat(tokenizer.encode("")).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "two words", "line\n", "no\u00A0break", "<unk>", "a</s>", "the"})
  void writeWordLevel_withABadWord_throwsAndWritesNothing(String word) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Tokenizers.writeWordLevel(directory, List.of("the", word)))
        .withMessageStartingWith("words: expected ")
        .withMessageContaining("\"" + word + "\"");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void huggingFace_ofAnyTokenizer_turnsDjlsNetworkUseOff() {
    Tokenizers.writeWordLevel(directory, WORDS);

    Tokenizers.huggingFace(directory).close();

    assertThat(Utils.getEnvOrSystemProperty("OPT_OUT_TRACKING")).isEqualTo("true");
    assertThat(Utils.getEnvOrSystemProperty("RUST_FLAVOR")).isEqualTo("cpu");
  }

  @Test
  void huggingFace_withoutSpecialTokens_hasNone() throws IOException {
    Tokenizers.writeWordLevel(directory, WORDS);
    Files.delete(directory.resolve("tokenizer_config.json"));

    try (Tokenizer tokenizer = Tokenizers.huggingFace(directory)) {
      assertThat(tokenizer.beginToken()).isEmpty();
      assertThat(tokenizer.endToken()).isEmpty();
    }
  }

  @Test
  void huggingFace_withIdsInTheModelsConfigAlone_takesThem() throws IOException {
    Tokenizers.writeWordLevel(directory, WORDS);
    Files.writeString(directory.resolve("tokenizer_config.json"), "{\"bos_token\": null}");
    Files.writeString(
        directory.resolve("config.json"), "{\"bos_token_id\": 1, \"eos_token_id\": [2]}");

    try (Tokenizer tokenizer = Tokenizers.huggingFace(directory)) {
      assertThat(tokenizer.beginToken()).hasValue(1);
      assertThat(tokenizer.endToken()).hasValue(2);
    }
  }

  @Test
  void huggingFace_withSpecialTokensAsObjects_readsThem() throws IOException {
    Tokenizers.writeWordLevel(directory, WORDS);
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        "{\"eos_token\": {\"__type\": \"AddedToken\", \"content\": \"cat\"}}");

    try (Tokenizer tokenizer = Tokenizers.huggingFace(directory)) {
      assertThat(tokenizer.endToken()).hasValue(4);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"[1, 2]", "12", "-1", "\"2\"", "2.0"})
  void huggingFace_withABadEndTokenId_throws(String id) throws IOException {
    Tokenizers.writeWordLevel(directory, WORDS);
    Files.writeString(directory.resolve("tokenizer_config.json"), "{}");
    Files.writeString(directory.resolve("config.json"), "{\"eos_token_id\": " + id + "}");

    assertThatIllegalArgumentException()
        .isThrownBy(() -> Tokenizers.huggingFace(directory))
        .withMessageContaining("config.json: eos_token_id: expected one id in [0, 10)");
  }

  @Test
  void huggingFace_withAnUnknownEndToken_throws() throws IOException {
    Tokenizers.writeWordLevel(directory, WORDS);
    Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\": \"<|end|>\"}");

    assertThatIllegalArgumentException()
        .isThrownBy(() -> Tokenizers.huggingFace(directory))
        .withMessageContaining("eos_token: expected a token of the vocabulary, got <|end|>");
  }

  @Test
  void huggingFace_withoutFiles_throws() {
    assertThatThrownBy(() -> Tokenizers.huggingFace(directory))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("tokenizer.json: expected a JSON object, got ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"model\": {\"type\": \"Sorcery\", \"vocab\": {\"a\": 0}}}",
        "{\"model\": {\"vocab\": {\"a\": -1}}}",
        "{\"model\": {\"vocab\": {\"a\": 2147483647}}}",
        "{\"model\": {\"vocab\": {}}}",
        "{\"added_tokens\": [{\"content\": \"a\"}]}",
        "{}"
      })
  void huggingFace_ofWhatIsNoTokenizer_throws(String json) throws IOException {
    Files.writeString(directory.resolve("tokenizer.json"), json);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> Tokenizers.huggingFace(directory))
        .withMessageContaining("tokenizer.json: expected ");
  }

  @Test
  void huggingFace_ofDeepJson_throws() throws IOException {
    String deep =
        IntStream.range(0, 100_000).mapToObj(i -> "{\"a\":").collect(Collectors.joining());
    Files.writeString(directory.resolve("tokenizer.json"), deep);

    assertThatThrownBy(() -> Tokenizers.huggingFace(directory))
        .isInstanceOf(UncheckedIOException.class);
  }

  @Test
  void encode_afterClose_throws() {
    Tokenizers.writeWordLevel(directory, WORDS);
    Tokenizer tokenizer = Tokenizers.huggingFace(directory);
    tokenizer.close();
    tokenizer.close();

    assertThatIllegalStateException()
        .isThrownBy(() -> tokenizer.encode("the"))
        .withMessage("tokenizer: expected an open one, got one that was closed");
    assertThatIllegalStateException()
        .isThrownBy(() -> tokenizer.decode(0))
        .withMessage("tokenizer: expected an open one, got one that was closed");
  }

  private static Tokenizer stories260k() {
    return Tokenizers.huggingFace(SharedData.require("stories260k"));
  }

  @Test
  void copy_ofATokenizersFiles_canBeReadThere() throws IOException {
    Tokenizers.writeWordLevel(directory, List.of("cat"));
    Files.writeString(directory.resolve("model.safetensors"), "none of the tokenizer's");
    Path saved = directory.resolve("runs").resolve("model");
    Tokenizers.copy(directory, saved);
    Tokenizers.copy(saved, saved);

    try (Tokenizer tokenizer = Tokenizers.huggingFace(saved)) {
      assertThat(tokenizer.encode("cat")).containsExactly(3);
    }
    assertThat(saved).isDirectoryNotContaining("glob:**model.safetensors");
  }

  @Test
  void copy_ontoAFile_isRefused() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");

    assertThatThrownBy(() -> Tokenizers.copy(directory, file))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith(file + ": expected to be writable, with files of " + directory);
  }

  @Test
  void huggingFace_ofADirectoryWithoutATokenizer_saysWhereOneIs() {
    assertThatThrownBy(() -> Tokenizers.huggingFace(directory))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("tokenizer.json: expected a JSON object, got java.nio.file.NoSuch")
        .hasMessageEndingWith("that of the model that this one was made from can be copied to it");
  }
}
